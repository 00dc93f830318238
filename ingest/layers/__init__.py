"""Habitat layers: polygons and rasters of classes, from bytes."""
