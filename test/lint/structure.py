#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Does the code lie as CONTRIBUTING.md says? Rooms (folders) include one another in one direction only, no two structures have one
tag, what a header declares has the prefix of its house, and both maps of the rooms, CONTRIBUTING.md's and docs/design.md's, name
all of them and none that is not there."""
import collections
import re
import subprocess
import sys

HOUSES = {"common": "hedge", "daemon": "hedged", "worker": "hedgew", "client": "hedgec"}


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def room_of(path):
    """A program's main is above all its rooms, so it is one of its own."""
    folder, file = path.rsplit("/", 1)
    return f"{folder}/main" if file == "main.c" else folder


def without_comments(text):
    return re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.S)


def find_circles(sources):
    """Each include that leads back to the room it is in, with the rooms it leads through."""
    rooms, where = collections.defaultdict(set), {}
    for path, text in sources.items():
        for included in re.findall(r'#include "((?:common|daemon|worker|client)/[^"]+)"', text):
            here, there = room_of(path), room_of(included)
            if here != there:
                rooms[here].add(there)
                where.setdefault((here, there), path)

    def way(begin, end, seen):
        for room in sorted(rooms[begin] - seen):
            rest = [room] if room == end else way(room, end, seen | {room})
            if rest:
                return [room] + [r for r in rest if r != room]
        return None

    for here, there in sorted(where):
        back = way(there, here, {there})
        if back:
            yield f"{where[here, there]}: {here} includes {there}, from where a way leads back: {' -> '.join([there] + back)}"


def find_twins(sources):
    """Tags of the house that stand for two structures."""
    places = collections.defaultdict(list)
    for path, text in sources.items():
        for tag in re.findall(r"\b(?:struct|union|enum)\s+(hedge[dwc]?_\w+)\s*\{", without_comments(text)):
            places[tag].append(path)
    for tag, paths in sorted(places.items()):
        if len(paths) > 1:
            yield f"{', '.join(paths)}: each has a structure '{tag}'"


def find_strangers(sources):
    """Functions and types of a header that have another house's prefix."""
    declared = re.compile(r"^(?:[a-z_][\w \t*]*?[ *])?(hedge[a-z]*)_\w+\s*\(|^typedef [^;{(]*?\b(hedge[a-z]*)_\w+;|^\} (hedge[a-z]*)_\w+;", re.M)
    for path, text in sources.items():
        if not path.endswith(".h"):
            continue
        prefix = HOUSES[path.split("/")[0]]
        for match in declared.finditer(without_comments(text)):
            other = next(filter(None, match.groups()))
            if other != prefix:
                yield f"{path}: '{match.group(0).strip().splitlines()[-1]}' has not the prefix {prefix}_"


def rooms_of_table(page):
    return {name.rstrip("/") for name in re.findall(r"`((?:common|daemon|worker|client)/[\w/]*)`", read(page))}


def rooms_of_tree(page):
    """The folders of an indented tree in a block of code; several may stand in one line."""
    rooms, above = set(), []
    for indent, names in re.findall(r"^( *)((?:\w+/ )+) ", read(page), re.M):
        above = above[:len(indent) // 2]
        rooms |= {"/".join([*above, name.rstrip("/")]) for name in names.split()}
        above.append(names.split()[0].rstrip("/"))
    return {room for room in rooms if room.split("/")[0] in HOUSES}


def find_unmapped(sources, page, named):
    """Rooms that a page does not name, and rooms it names that are not there."""
    there = {path.rsplit("/", 1)[0] for path in sources}
    yield from (f"{page}: there is no word about {room}/" for room in sorted(there - named))
    yield from (f"{page}: there is no {room}/" for room in sorted(named - there))


def main():
    paths = subprocess.run(["git", "ls-files", *HOUSES], capture_output=True, text=True, check=True).stdout.split()
    sources = {path: read(path) for path in paths if path.endswith((".c", ".h", ".inc"))}
    faults = [*find_circles(sources), *find_twins(sources), *find_strangers(sources),
              *find_unmapped(sources, "CONTRIBUTING.md", rooms_of_table("CONTRIBUTING.md")),
              *find_unmapped(sources, "docs/design.md", rooms_of_tree("docs/design.md"))]
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
