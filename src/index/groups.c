/* SPDX-License-Identifier: Apache-2.0
 *
 * Groups are a forest over an array of members. Two hash tables with open addressing find a member:
 * by its name, and by the hash that it was noted with.
 */
#include "index/groups.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"

struct member {
    char *name; /* owned */
    uint64_t hash;
    size_t parent; /* itself for the root of a group */
};

struct note {
    uint64_t hash;
    size_t member; /* from 1; 0: free */
};

struct groups {
    uint64_t seed;          /* random, so that clients cannot choose names that collide */
    struct member *members; /* owned */
    size_t count;
    size_t room;
    struct note *names; /* owned; slot_count of them, as of `notes` */
    struct note *notes; /* owned */
    size_t note_count;
    size_t slot_count; /* a power of two, at least twice the entries of a table */
};

enum { FIRST_SLOTS = 1024 };

int groups_new(struct groups **ret_groups)
{
    struct groups *groups = calloc(1, sizeof *groups);
    if (groups) {
        groups->seed = (uint64_t)clock_now_ns();
        groups->slot_count = FIRST_SLOTS;
        groups->names = calloc(groups->slot_count, sizeof *groups->names);
        groups->notes = calloc(groups->slot_count, sizeof *groups->notes);
    }
    if (!groups || !groups->names || !groups->notes) {
        groups_free(groups);
        return -ENOMEM;
    }
    *ret_groups = groups;
    return 0;
}

void groups_free(struct groups *groups)
{
    if (!groups) {
        return;
    }
    for (size_t i = 0; i < groups->count; i++) {
        free(groups->members[i].name);
    }
    free(groups->members);
    free(groups->names);
    free(groups->notes);
    free(groups);
}

/* ---- tables ---- */

static void put(struct note *table, size_t slot_count, struct note note)
{
    size_t at = note.hash & (slot_count - 1);
    while (table[at].member > 0) {
        at = (at + 1) & (slot_count - 1);
    }
    table[at] = note;
}

static int grow(struct groups *groups)
{
    size_t slot_count = groups->slot_count * 2;
    struct note *names = calloc(slot_count, sizeof *names);
    struct note *notes = calloc(slot_count, sizeof *notes);
    if (!names || !notes) {
        free(names);
        free(notes);
        return -ENOMEM;
    }
    for (size_t i = 0; i < groups->slot_count; i++) {
        if (groups->names[i].member > 0) {
            put(names, slot_count, groups->names[i]);
        }
        if (groups->notes[i].member > 0) {
            put(notes, slot_count, groups->notes[i]);
        }
    }
    free(groups->names);
    free(groups->notes);
    groups->names = names;
    groups->notes = notes;
    groups->slot_count = slot_count;
    return 0;
}

static int make_room(struct groups *groups)
{
    if (groups->count == groups->room) {
        size_t room = groups->room > 0 ? groups->room * 2 : FIRST_SLOTS / 2;
        struct member *members = reallocarray(groups->members, room, sizeof *members);
        if (!members) {
            return -ENOMEM;
        }
        groups->members = members;
        groups->room = room;
    }
    bool full = (groups->count + 1) * 2 > groups->slot_count ||
                (groups->note_count + 1) * 2 > groups->slot_count;
    return full ? grow(groups) : 0;
}

/* The member of that name, added if it is new. */
static int find(struct groups *groups, const char *name, size_t *ret_member)
{
    uint64_t hash = hash_bytes(name, strlen(name), groups->seed);
    int r = make_room(groups);
    if (r < 0) {
        return r;
    }
    size_t mask = groups->slot_count - 1;
    for (size_t at = hash & mask; groups->names[at].member > 0; at = (at + 1) & mask) {
        size_t member = groups->names[at].member - 1;
        if (groups->names[at].hash == hash && strcmp(groups->members[member].name, name) == 0) {
            *ret_member = member;
            return 0;
        }
    }
    char *copy = strdup(name);
    if (!copy) {
        return -ENOMEM;
    }
    groups->members[groups->count] = (struct member){.name = copy, .parent = groups->count};
    *ret_member = groups->count++;
    put(groups->names, groups->slot_count, (struct note){hash, groups->count});
    return 0;
}

/* ---- the forest ---- */

static size_t root_of(struct groups *groups, size_t member)
{
    struct member *members = groups->members;
    while (members[member].parent != member) {
        members[member].parent = members[members[member].parent].parent;
        member = members[member].parent;
    }
    return member;
}

int groups_join(struct groups *groups, const char *a, const char *b)
{
    size_t first = 0;
    size_t second = 0;
    int r = find(groups, a, &first);
    if (r < 0) {
        return r;
    }
    r = find(groups, b, &second);
    if (r < 0) {
        return r;
    }
    size_t one = root_of(groups, first);
    size_t other = root_of(groups, second);
    /* The older one stays the root: most lookups start at early members. */
    groups->members[one > other ? one : other].parent = one > other ? other : one;
    return 0;
}

int groups_note(struct groups *groups, uint64_t hash, const char *name)
{
    size_t member = 0;
    if (groups_noted(groups, hash)) {
        return 0;
    }
    int r = find(groups, name, &member);
    if (r == 0) {
        put(groups->notes, groups->slot_count, (struct note){hash, member + 1});
        groups->note_count++;
    }
    return r;
}

const char *groups_noted(const struct groups *groups, uint64_t hash)
{
    size_t mask = groups->slot_count - 1;
    for (size_t at = hash & mask; groups->notes[at].member > 0; at = (at + 1) & mask) {
        if (groups->notes[at].hash == hash) {
            return groups->members[groups->notes[at].member - 1].name;
        }
    }
    return NULL;
}

/* ---- the outcome ---- */

struct placed {
    const char *name;
    const char *first; /* of the group */
    size_t root;
};

static int by_name(const void *a, const void *b)
{
    const struct placed *one = a;
    const struct placed *other = b;
    return strcmp(one->name, other->name);
}

static int by_group(const void *a, const void *b)
{
    const struct placed *one = a;
    const struct placed *other = b;
    int order = strcmp(one->first, other->first);
    return order != 0 ? order : strcmp(one->name, other->name);
}

/* All members, sorted; the caller frees it. */
static struct placed *place(struct groups *groups)
{
    struct placed *all = calloc(groups->count + 1, sizeof *all);
    const char **firsts = calloc(groups->count + 1, sizeof *firsts); /* by root */
    if (!all || !firsts) {
        free(firsts);
        free(all);
        return NULL;
    }
    for (size_t i = 0; i < groups->count; i++) {
        all[i] = (struct placed){.name = groups->members[i].name, .root = root_of(groups, i)};
    }
    qsort(all, groups->count, sizeof *all, by_name);
    for (size_t i = 0; i < groups->count; i++) {
        const char **first = &firsts[all[i].root];
        *first = *first ? *first : all[i].name;
        all[i].first = *first;
    }
    qsort(all, groups->count, sizeof *all, by_group);
    free(firsts);
    return all;
}

int groups_each(struct groups *groups, groups_visit visit, void *context)
{
    struct placed *all = place(groups);
    int r = all ? 0 : -ENOMEM;
    for (size_t i = 0; i < groups->count && r == 0; i++) {
        r = visit(context, all[i].name, all[i].root);
    }
    free(all);
    return r;
}
