# SPDX-License-Identifier: Apache-2.0
"""situd(8) lists the events that the source logs: all of them, and no others.

In the table of its section LOG, the events of a row are at the beginning of the line, separated by commas; other
lines are indented. The source gives an event as a literal, as an element of an array of the same file, or
as a parameter of a function, whose calls in the same file are then looked at.
"""
import re

import tree

PAGE = "docs/man/situd.8.scd"
LOGGERS = r"\b(?:log_event|call_log)\("
ROW = re.compile(r"[a-z][a-z_]*(?:, [a-z][a-z_]*)*(?=  | \S|$)")
TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|.', re.S)
LITERAL = re.compile(r'"([a-z_]+)"')


def arguments(text, start):
    """Those of the call or definition whose opening parenthesis is just before `start`."""
    found, depth = [""], 1
    for token in TOKEN.finditer(text, start):
        part = token.group()
        depth += (part in "([{") - (part in ")]}")
        if depth == 0:
            break
        if part == "," and depth == 1:
            found.append("")
        else:
            found[-1] += part
    return [" ".join(argument.split()) for argument in found]


def named(text, name, before):
    """The literals that a variable can have; `before` is the text up to its use."""
    array = re.search(rf"\b{name}\[\]\s*=\s*\{{(.*?)\}};", text, re.S)
    if array:
        return LITERAL.findall(array.group(1))
    function = list(re.finditer(r"^(?!\s)[^;=#\n]*?\b(\w+)\(", before, re.M))[-1]
    parameters = [p.split()[-1].lstrip("*") for p in arguments(text, function.end())]
    if name not in parameters:
        return []
    place = parameters.index(name)
    calls = [arguments(text, c.end()) for c in re.finditer(rf"\b{function.group(1)}\(", text)]
    return [e for c in calls if len(c) > place for e in LITERAL.findall(c[place])]


def logged(path, text):
    """(event, path:line) for each event of a file; the event is None where it cannot be determined."""
    for call in re.finditer(LOGGERS, text):
        head = text[text.rfind("\n", 0, call.start()) + 1:call.start()]
        if re.match(r"\w", head) or " * " in head:
            continue  # a declaration, a definition or a comment
        event = arguments(text, call.end())[1]
        events = LITERAL.findall(event)
        if not events:
            before = text[:call.start()]
            if re.search(LOGGERS, before[before.rfind("\n\n"):].split("{")[0]):
                continue  # one logger calls the other
            events = named(text, re.match(r"\w*", event).group(), before) or [None]
        place = f"{path}:{text.count(chr(10), 0, call.start()) + 1}"
        yield from ((e, place) for e in events)


def listed(page):
    """{event: line number} of the table in the section LOG."""
    events, in_log, literal = {}, False, 0
    for number, line in enumerate(page.splitlines(), 1):
        if line.startswith("# "):
            in_log = line == "# LOG"
        elif line == "```" and in_log:
            literal += 1
        elif in_log and literal == 3:  # the first block is the example of a line
            row = ROW.match(line)
            events.update((e, number) for e in (row.group().split(", ") if row else []))
    return events


def judge(page, sources):
    table, used = listed(page), set()
    for event, place in (found for path, text in sources for found in logged(path, text)):
        used.add(event)
        if event is None:
            yield f"{place}: the event cannot be determined: give it as a literal"
        elif event not in table:
            yield f"{place}: {PAGE} does not list the event {event}"
    for event, number in table.items():
        if event not in used:
            yield f"{PAGE}:{number}: the source does not log the event {event}"


def main():
    paths = tree.files(".c", under="src")
    sources = [(path, tree.text(path)) for path in paths]
    tree.finish(list(judge(tree.text(PAGE), sources)), len(paths))


if __name__ == "__main__":
    main()
