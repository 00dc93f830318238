// Renders /openapi.json. Text is set as text, never as markup; nothing is fetched from elsewhere.

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

function element(name, { text = null, className = '' } = {}, ...children) {
  const made = document.createElement(name);
  if (text !== null) made.textContent = text;
  if (className) made.className = className;
  made.append(...children);
  return made;
}

function resolve(schema, root) {
  if (!schema?.$ref) return schema ?? {};
  return schema.$ref.slice(2).split('/').reduce((node, key) => node?.[key], root) ?? {};
}

function exampleOf(schema, root, depth = 0) {
  const found = resolve(schema, root);
  if (depth > 6) return null;
  if (found.examples?.length) return found.examples[0];
  if (found.example !== undefined) return found.example;
  if (found.default !== undefined) return found.default;
  if (found.anyOf) return exampleOf(found.anyOf[0], root, depth + 1);
  if (found.type === 'array') return [exampleOf(found.items, root, depth + 1)];
  if (found.properties) {
    const entries = Object.entries(found.properties);
    return Object.fromEntries(entries.map(([k, v]) => [k, exampleOf(v, root, depth + 1)]));
  }
  return found.enum?.[0] ?? found.format ?? found.type ?? null;
}

function shown(content, root) {
  return Object.entries(content ?? {}).flatMap(([type, body]) => {
    const example = body.example ?? exampleOf(body.schema, root);
    const text = typeof example === 'string' ? example : JSON.stringify(example, null, 2);
    return [element('p', {}, element('code', { text: type })), element('pre', { text })];
  });
}

function parameters(operation) {
  if (!operation.parameters?.length) return [];
  const rows = operation.parameters.map(({ name, in: where, required, description }) => element(
    'tr', {}, element('td', {}, element('code', { text: name })),
    element('td', { text: `${where}${required ? ', required' : ''}` }),
    element('td', { text: description ?? '' }),
  ));
  return [element('h4', { text: 'Parameters' }), element('table', {}, ...rows)];
}

function responses(operation, root) {
  return Object.entries(operation.responses).flatMap(([status, { description, content }]) => {
    const line = element('p', {}, element('strong', { text: status }), ` ${description}`);
    return Number(status) < 400 ? [line, ...shown(content, root)] : [line];
  });
}

function rendered(path, method, operation, root) {
  const body = operation.requestBody ? shown(operation.requestBody.content, root) : [];
  const made = element(
    'details', {},
    element(
      'summary', {}, element('span', { text: method.toUpperCase(), className: 'method' }),
      element('code', { text: path }), ` ${operation.summary}`,
    ),
    ...(operation.description ? [element('p', { text: operation.description })] : []),
    ...parameters(operation),
    ...(body.length ? [element('h4', { text: 'Body' }), ...body] : []),
    element('h4', { text: 'Answers' }), ...responses(operation, root),
  );
  made.dataset.words = `${method} ${path} ${operation.summary} ${operation.description ?? ''}`.toLowerCase();
  return made;
}

function show(root) {
  const groups = new Map();
  for (const [path, item] of Object.entries(root.paths)) {
    for (const method of METHODS.filter((name) => item[name])) {
      const tag = item[method].tags?.[0] ?? 'other';
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push(rendered(path, method, item[method], root));
    }
  }
  document.getElementById('title').textContent = `${root.info.title} API`;
  document.getElementById('summary').textContent = root.info.summary ?? '';
  const sections = [...groups].map(([tag, list]) => element(
    'section', {}, element('h2', { text: tag }), ...list,
  ));
  document.getElementById('operations').replaceChildren(...sections);
}

document.getElementById('filter').addEventListener('input', ({ target }) => {
  const word = target.value.trim().toLowerCase();
  for (const one of document.querySelectorAll('details')) {
    one.hidden = !one.dataset.words.includes(word);
  }
});

const answer = await fetch('/openapi.json');
if (answer.ok) show(await answer.json());
else document.getElementById('operations').textContent = `openapi.json: ${answer.status}`;
