"""HTTP only: parse, authorise, call the store, shape. One file per noun, see `routers`."""
