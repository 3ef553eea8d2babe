/* A translation unit for a room that has no sources yet. */
typedef int espalier_empty_unit;
