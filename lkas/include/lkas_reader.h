/* lkas_reader.h: the reading end of a channel: attach, follow the writer, copy records, view images in place. */
#ifndef LKAS_READER_H
#define LKAS_READER_H

#include "lkas_slots.h"

#define LKAS_SILENCE_NS INT64_C(100000000)     /* after so much silence a reader looks up the name again */
#define LKAS_MEND_NS INT64_C(1000000000)       /* that an attached reader gives the writer to mend its file */
#define LKAS_PROBE_MIN_NS INT64_C(1000000)     /* first gap between two lookups of a segment that is not there */
#define LKAS_PROBE_MAX_NS INT64_C(50000000)
#define LKAS_MAX_RETRIES 1000                  /* a reader that loses so many races against the writer gives up */

typedef struct lkas_reader {
    char path[LKAS_PATH_BYTES];
    char record_type[48];
    lkas_spec spec;
    lkas_channel *channel; /* NULL: not attached yet */
    uint64_t last;         /* `latest` as read last */
    uint64_t missed;       /* messages that were replaced before they were read */
    uint64_t corrupt;      /* messages that failed their CRC and were skipped */
    uint64_t last_corrupt; /* `latest` of the last of them */
    uint32_t generation;   /* of the writer, when it was read last */
    uint32_t restarts;     /* times that another writer took over */
    int64_t lost_ns;       /* since when the file of an attached reader is damaged, 0: it is not */
    int is_searching;      /* not attached, or attached to a segment that lost its name */
    int64_t probe_due_ns, probe_gap_ns;
    int64_t spin_ns; /* poll for so long before sleeping */
    LKAS_ATOMIC(int) is_closed;
    unsigned forks;
} lkas_reader;

typedef struct lkas_view {
    lkas_channel *channel;
    int pin;
    uint32_t slot;
    uint64_t sequence;
    int64_t publish_ns;
} lkas_view;

/* ------------------------------------------------------------------ reader: attaching */

static inline void lkas_reader_init(lkas_reader *reader, const char *path, const lkas_spec *spec) {
    memset((void *)reader, 0, sizeof *reader);
    snprintf(reader->path, sizeof reader->path, "%s", path);
    snprintf(reader->record_type, sizeof reader->record_type, "%s", spec->record_type);
    reader->spec = *spec;
    reader->spec.record_type = reader->record_type;
    reader->forks = lkas__forks;
}

static inline int lkas__check_schema(const lkas_reader *reader, const lkas_facts *found, lkas_error *error) {
    const lkas_spec *wanted = &reader->spec;
    if (found->layout_version != LKAS_LAYOUT_VERSION)
        return lkas__fail(error, LKAS_E_SCHEMA,
                          "%s: written with channel layout %u, this program knows %u; restart the older one",
                          reader->path, found->layout_version, LKAS_LAYOUT_VERSION);
    if (found->schema_hash != wanted->schema_hash || found->record_bytes != wanted->record_bytes ||
        strncmp(found->record_type, wanted->record_type, sizeof found->record_type))
        return lkas__fail(error, LKAS_E_SCHEMA,
                          "%s: holds %.48s with schema %016llx (%u bytes), this program reads %s with schema %016llx (%u bytes); "
                          "wrong channel, or programs of different versions",
                          reader->path, found->record_type, (unsigned long long)found->schema_hash, found->record_bytes,
                          wanted->record_type, (unsigned long long)wanted->schema_hash, wanted->record_bytes);
    if ((wanted->height && wanted->height != found->height) || (wanted->width && wanted->width != found->width) ||
        (wanted->channels && wanted->channels != found->channels))
        return lkas__fail(error, LKAS_E_SCHEMA,
                          "%s: holds images of %u x %u x %u (height, width, channels), this reader expects %u x %u x %u (0: any)",
                          reader->path, found->height, found->width, found->channels, wanted->height, wanted->width,
                          wanted->channels);
    return LKAS_OK;
}

/* Attach to the segment that has the name now: 1 attached, 0 none (or of another boot, or already retired). */
static inline int lkas__attach(const lkas_reader *reader, lkas_channel **out, lkas_error *error) {
    lkas_channel *channel = NULL;
    int fd = lkas__open_file(reader->path, LKAS__READ_WRITE);
    if (fd < 0 && errno == ENOENT) return 0;
    if (fd < 0) return lkas__fail(error, LKAS_E_SYSTEM,
                                  "%s: cannot open the segment: %s", reader->path, strerror(errno));
    int result = lkas__map(reader->path, fd, 0, &channel, error);
    if (result) {
        lkas__close_file(fd);
        return result;
    }
    if (!lkas__is_this_boot(&channel->facts)) goto not_there;
    result = lkas__check_schema(reader, &channel->facts, error);
    if (result) goto failed;
    if (lkas__make_writable((void *)channel->header, LKAS_CONTROL_BYTES)) {
        result = lkas__fail(error, LKAS_E_SYSTEM,
                            "%s: cannot map the control area: %s", reader->path, strerror(errno));
        goto failed;
    }
    if (lkas__load(&channel->header->replaced, seq_cst)) goto not_there;
    for (int index = 0; index < LKAS_READERS; ++index) {
        if (lkas__set_lock(channel->segment.fd, F_WRLCK, 1 + index, 1)) continue;
        lkas_reader_entry *entry = &channel->header->readers[index];
        for (int pin = 0; pin < LKAS_PINS; ++pin) lkas__store(&entry->pins[pin], 0u, release);
        lkas__store(&entry->pid, lkas__process(), relaxed);
        channel->reader = index;
        uint32_t limit = lkas__load(&channel->header->reader_limit, relaxed);
        while (limit < (uint32_t)index + 1 &&
               !lkas__swap_if(&channel->header->reader_limit, &limit, (uint32_t)index + 1)) {
        }
        *out = channel;
        return 1;
    }
    result = lkas__fail(error, LKAS_E_READERS,
                        "%s: all %d reader places are taken; close a reader first", reader->path, LKAS_READERS);
failed:
    lkas_release(channel);
    return result;
not_there:
    lkas_release(channel);
    return 0;
}

/* Detach; lock and entry stay while a view is open. */
static inline void lkas__detach(lkas_reader *reader) {
    lkas_channel *channel = reader->channel;
    if (!channel) return;
    reader->channel = NULL;
    if (channel->held_pins) channel->is_leaving = 1;
    else lkas__leave(channel);
    lkas_release(channel);
}

static inline int lkas_has_new(const lkas_reader *reader) {
    if (!reader->channel) return 0;
    uint64_t latest = lkas__load(&reader->channel->header->latest, acquire);
    return latest != reader->last && (latest & 0xff) < reader->channel->facts.slots && latest >> 8;
}

static inline int lkas__is_calm(const lkas_reader *reader) {
    return reader->channel && !lkas__load(&reader->channel->header->replaced, relaxed);
}

/* Look up the name, and attach when it refers to another segment. */
static inline int lkas__probe(lkas_reader *reader, int64_t now_ns, lkas_error *error) {
    const lkas_channel *held = reader->channel;
    lkas_channel *found = NULL;
    lkas__file file;
    int result = 0;
    if (lkas__describe_path(reader->path, &file) == 0 &&
        !(held && file.device == held->segment.device && file.inode == held->segment.inode))
        result = lkas__attach(reader, &found, error);
    if (result == LKAS_E_NOT_A_SEGMENT && reader->lost_ns && now_ns < reader->lost_ns + LKAS_MEND_NS) result = 0;
    if (result < 0) {
        reader->probe_due_ns = 0; /* not absent but wrong: report it at each call */
        return result;
    }
    if (result == 1) {
        lkas__detach(reader);
        reader->channel = found;
        reader->lost_ns = 0;
        reader->last = reader->last_corrupt = 0;
        reader->is_searching = 0;
        reader->probe_due_ns = 0;
    } else if (reader->is_searching) {
        reader->probe_due_ns = now_ns + reader->probe_gap_ns;
        reader->probe_gap_ns *= 2;
        if (reader->probe_gap_ns > LKAS_PROBE_MAX_NS) reader->probe_gap_ns = LKAS_PROBE_MAX_NS;
    } else {
        reader->probe_due_ns = now_ns + LKAS_SILENCE_NS;
    }
    return LKAS_OK;
}

/* Called before each read: attaches when the writer appears, moves on when its segment was replaced. */
static inline int lkas_follow(lkas_reader *reader, lkas_error *error) {
    if (reader->forks != lkas__forks)
        return lkas__fail(error, LKAS_E_FORKED,
                          "%s: opened by the parent process; open the channel again after a fork", reader->path);
    if (lkas__load(&reader->is_closed, relaxed))
        return lkas__fail(error, LKAS_E_CLOSED, "%s: this channel is closed", reader->path);
    const int has_new = lkas_has_new(reader);
    if (reader->channel && lkas__is_lost(&reader->channel->segment)) { /* the writer creates it again */
        lkas__detach(reader);
        reader->is_searching = 0;
        reader->lost_ns = lkas__coarse_now_ns();
    } else if (has_new) {
        reader->probe_due_ns = 0; /* silence counts from the next read that finds nothing */
        return LKAS_OK;
    }
    const int64_t now_ns = lkas__coarse_now_ns();
    const int is_calm = lkas__is_calm(reader);
    if (!is_calm && !reader->is_searching) {
        reader->is_searching = 1;
        reader->probe_due_ns = 0;
        reader->probe_gap_ns = LKAS_PROBE_MIN_NS;
    } else if (is_calm && !reader->probe_due_ns) {
        reader->probe_due_ns = now_ns + LKAS_SILENCE_NS;
    }
    return now_ns < reader->probe_due_ns ? LKAS_OK : lkas__probe(reader, now_ns, error);
}

/* ------------------------------------------------------------------ reader: reading */

static inline void lkas__copy_words(const lkas_channel *channel, lkas_slot *slot, void *record) {
    LKAS_ATOMIC(uint64_t) *words = lkas_slot_record(slot);
    for (uint32_t i = 0; i < channel->facts.record_bytes / 8; ++i) {
        uint64_t word = lkas__load(&words[i], acquire); /* acquire: what is loaded next is loaded after it */
        memcpy((char *)record + 8 * i, &word, 8);
    }
}

/* Copy a record without a pin; 0 when the writer overwrote it meanwhile. */
static inline int lkas__copy_record(const lkas_channel *channel, uint32_t index, uint64_t mark, void *record,
                                    uint32_t *crc) {
    lkas_slot *slot = lkas_slot_at(channel, index);
    if (lkas__load(&slot->mark, acquire) != mark) return 0;
    lkas__copy_words(channel, slot, record);
    *crc = lkas__load(&slot->record_crc, acquire);
    return lkas__load(&slot->mark, relaxed) == mark;
}

static inline void lkas__count_read(lkas_reader *reader, uint64_t latest) {
    uint64_t before = reader->last >> 8, now = latest >> 8;
    if (before && now > before + 1) reader->missed += now - before - 1;
    reader->last = latest;
    uint32_t generation = lkas__load(&reader->channel->header->generation, relaxed);
    if (generation != reader->generation) {
        if (reader->generation) ++reader->restarts;
        reader->generation = generation;
    }
}

/* A message that failed its CRC is skipped; it counts once, however often it is read. */
static inline void lkas__count_corrupt(lkas_reader *reader, uint64_t latest, int only_new) {
    if (reader->last_corrupt != latest) {
        ++reader->corrupt;
        lkas__add(&reader->channel->header->corrupt, UINT64_C(1), relaxed);
    }
    reader->last_corrupt = latest;
    if (only_new) lkas__count_read(reader, latest);
}

/* Copy the newest record: 1, or 0 when there is nothing (with `only_new`: nothing that was not read before). */
static inline int lkas_read(lkas_reader *reader, int only_new, void *record, lkas_error *error) {
    if (lkas_follow(reader, error)) return error->code;
    if (!reader->channel) return 0;
    for (int attempt = 0; attempt < LKAS_MAX_RETRIES; ++attempt) {
        const lkas_facts *facts = &reader->channel->facts;
        uint64_t latest = lkas__load(&reader->channel->header->latest, acquire);
        uint32_t crc;
        if ((latest & 0xff) >= facts->slots || (only_new && latest == reader->last)) return 0;
        if (!lkas__copy_record(reader->channel, latest & 0xff, 2 * (latest >> 8), record, &crc)) continue;
        if (facts->has_crc && lkas__crc(0, record, facts->record_bytes) != crc) {
            lkas__count_corrupt(reader, latest, only_new);
            return 0;
        }
        if (!(latest >> 8) || lkas__is_lost(&reader->channel->segment)) return 0; /* zeros of a file that was cut short */
        if (only_new) lkas__count_read(reader, latest);
        return 1;
    }
    return 0; /* overwritten LKAS_MAX_RETRIES times in a row: the next call tries again */
}

/* Pin the newest slot, so that its bulk can be read in place: 1, 0 or an error. End it with lkas_view_end(). */
static inline int lkas_view_begin(lkas_reader *reader, int only_new, lkas_view *view, lkas_error *error) {
    memset((void *)view, 0, sizeof *view);
    if (lkas_follow(reader, error)) return error->code;
    lkas_channel *channel = reader->channel;
    if (!channel || (only_new && !lkas_has_new(reader))) return 0;
    int pin = 0;
    while (pin < LKAS_PINS && channel->held_pins >> pin & 1) ++pin;
    if (pin == LKAS_PINS)
        return lkas__fail(error, LKAS_E_PINS,
                          "%s: this reader already holds %d views; release one first", reader->path, LKAS_PINS);
    LKAS_ATOMIC(uint32_t) *word = &channel->header->readers[channel->reader].pins[pin];
    for (int attempt = 0; attempt < LKAS_MAX_RETRIES; ++attempt) {
        uint64_t latest = lkas__load(&channel->header->latest, acquire);
        uint32_t index = latest & 0xff;
        if (index >= channel->facts.slots) break;
        lkas_slot *slot = lkas_slot_at(channel, index);
        /* Pairs with the odd mark in lkas_claim(). */
        lkas__store(word, index + 1, seq_cst);
        if (lkas__load(&slot->mark, seq_cst) != 2 * (latest >> 8)) continue;
        if (channel->facts.has_crc && (lkas__record_crc(channel, index) != lkas__load(&slot->record_crc, acquire) ||
                                         lkas__bulk_crc(channel, index) != lkas__load(&slot->bulk_crc, acquire))) {
            lkas__count_corrupt(reader, latest, only_new);
            break;
        }
        if (!(latest >> 8) || lkas__is_lost(&channel->segment)) break; /* zeros of a file that was cut short */
        channel->held_pins |= 1u << pin;
        view->channel = lkas_retain(channel);
        view->pin = pin;
        view->slot = index;
        view->sequence = latest >> 8;
        view->publish_ns = lkas__load(&slot->publish_ns, acquire);
        if (only_new) lkas__count_read(reader, latest);
        return 1;
    }
    lkas__store(word, 0u, release);
    return 0;
}

/* The pin alone protects the words: the mark may be odd for the moment before the writer sees the pin. */
static inline void lkas_view_record(const lkas_view *view, void *record) {
    lkas__copy_words(view->channel, lkas_slot_at(view->channel, view->slot), record);
}

static inline const void *lkas_view_bulk(const lkas_view *view) { return lkas_slot_bulk(view->channel, view->slot); }

static inline void lkas_view_end(lkas_view *view) {
    lkas_channel *channel = view->channel;
    if (!channel) return;
    view->channel = NULL;
    channel->held_pins &= ~(1u << view->pin);
    if (channel->segment.fd >= 0) { /* else: in the child of a fork, where the pin is the parent's */
        /* Pairs with the writer's load of the pins: what was read here was read before it writes. */
        lkas__store(&channel->header->readers[channel->reader].pins[view->pin], 0u, release);
        if (channel->is_leaving && !channel->held_pins) lkas__leave(channel);
    }
    lkas_release(channel);
}

#endif /* LKAS_READER_H */
