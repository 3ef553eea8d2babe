#!/usr/bin/env python3
"""Writes docs/kinds.md out of the CRDs in api/.   kinds-doc.py [--check]

--check writes nothing and exits 1 if the page is not what the CRDs say.
"""
import pathlib
import sys

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "kinds.md"
ORDER = ["storages", "deviceclusters", "deviceclasses", "devicegroups", "devices"]
HEAD = """# The kinds, field by field

*Made from the CRDs in `api/` by `scripts/kinds-doc.py`; `kubectl explain device.spec` says the same.*

Group `espalier.dev`, version `v1alpha1`, all namespaced, category `espalier`. References are by name within the same namespace. Fields that are
marked *not yet* in their text are accepted and answered with `Ready=False`, reason `NotSupportedYet`.
"""


def kind_of(schema):
    """The type as a person writes it."""
    name = schema.get("type", "any")
    if name == "array":
        return "list of " + kind_of(schema.get("items", {}))
    if name == "object" and isinstance(schema.get("additionalProperties"), dict):
        return "map of " + kind_of(schema["additionalProperties"])
    if "enum" in schema:
        return " \\| ".join("`%s`" % value for value in schema["enum"])
    if schema.get("format") in ("date-time", "int32", "int64"):
        return schema["format"]
    return name


def limits_of(schema):
    """Default and bounds, in words."""
    words = []
    if "default" in schema:
        words.append("default `%s`" % yaml.safe_dump(schema["default"], default_flow_style=True).strip().removesuffix("\n..."))
    for key, text in (("minimum", "≥ %s"), ("maximum", "≤ %s"), ("maxLength", "at most %s characters"),
                      ("maxItems", "at most %s"), ("pattern", "`%s`")):
        if key in schema:
            words.append(text % str(schema[key]).replace("|", "\\|"))
    return "; ".join(words)


def rows(schema, path, required, out):
    """One table row for `schema`, then those of its members."""
    if path:
        text = " ".join(schema.get("description", "").split()).replace("|", "\\|")
        limits = limits_of(schema)
        out.append("| `%s`%s | %s | %s%s |" % (path, " *" if required else "", kind_of(schema), text,
                                              " (%s)" % limits if limits else ""))
    if path.endswith("conditions"):
        return
    inner = schema.get("items", schema) if schema.get("type") == "array" else schema
    prefix = path + "[]" if schema.get("type") == "array" else path
    for name, member in inner.get("properties", {}).items():
        rows(member, (prefix + "." if prefix else "") + name, name in inner.get("required", []), out)


def section(crd):
    """The text about one kind."""
    names, version = crd["spec"]["names"], crd["spec"]["versions"][0]
    schema = version["schema"]["openAPIV3Schema"]
    out = ["## " + names["kind"], "", "`kubectl get %s` (short: %s). %s" % (
        names["plural"], ", ".join("`%s`" % name for name in names.get("shortNames", [])),
        " ".join(schema.get("description", "").split())), ""]
    columns = [column["name"].upper() + (" (wide)" if column.get("priority", 0) else "")
               for column in version.get("additionalPrinterColumns", [])]
    out += ["Columns: NAME, " + ", ".join(columns) + ".", ""]
    for part in ("spec", "status"):
        required = schema["properties"][part].get("required", [])
        table = []
        for name, member in schema["properties"][part].get("properties", {}).items():
            rows(member, name, name in required, table)
        out += ["### %s.%s" % (names["kind"], part), "", "| Field | Type | Meaning |", "|---|---|---|", *table, ""]
    return "\n".join(out)


def main():
    text = HEAD + "\nA `*` marks what must be given.\n\n" + "\n".join(
        section(yaml.safe_load((ROOT / "api" / (name + ".yaml")).read_text())) for name in ORDER)
    if "--check" not in sys.argv:
        PAGE.write_text(text)
    elif not PAGE.exists() or PAGE.read_text() != text:
        sys.exit("docs/kinds.md is not what the CRDs say: run scripts/kinds-doc.py")


if __name__ == "__main__":
    main()
