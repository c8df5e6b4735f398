/* lkas_writer.h: the writing end of a channel: open, claim a slot, publish, close. */
#ifndef LKAS_WRITER_H
#define LKAS_WRITER_H

#include "lkas_slots.h"

#define LKAS_MAX_SEQUENCE (UINT64_C(1) << 48) /* no writer comes so far: a sequence beyond it is damaged */
#define LKAS_CHECK_NS INT64_C(50000000) /* between two looks of the writer at its file */
#define LKAS_FETCHED_LINES 8 /* of the next slot, at the end of a publish */

typedef struct lkas_writer {
    char path[LKAS_PATH_BYTES];
    lkas_channel *channel; /* NULL: closed */
    uint64_t sequence;     /* of the next message */
    int slot;              /* claimed, or -1 */
    unsigned forks;
    uint64_t device, inode; /* of the segment, for unlinking after closing */
    uint32_t generation;
    int is_unlinked; /* by the writer itself: what it still writes reaches those who have the file open */
    int64_t check_due_ns;
    char notice[LKAS_PATH_BYTES + 128]; /* a damaged file was replaced: for the caller to report and to clear */
} lkas_writer;

/* ------------------------------------------------------------------ opening */

/* Create a locked channel under a temporary name. The caller publishes or unlinks it. */
static inline int lkas__build_channel(const char *path, const lkas_facts *facts, lkas_channel **out, char *temporary,
                                      lkas_error *error) {
    const int fd = lkas__build(path, F_WRLCK, facts->total_bytes, facts->total_bytes, temporary, error);
    if (fd < 0) return error->code;
    void *mapping = lkas__map_file(fd, facts->total_bytes, 1);
    if (!mapping) {
        lkas__fail(error, LKAS_E_SYSTEM, "%s: cannot map %llu bytes: %s", path, (unsigned long long)facts->total_bytes,
                   strerror(errno));
    } else {
        memcpy(mapping, facts, sizeof *facts);
        *out = lkas__new_channel(fd, mapping, facts->total_bytes, facts);
        if (*out) return LKAS_OK;
        lkas__fail(error, LKAS_E_SYSTEM, "%s: out of memory", path);
        lkas__unmap(mapping, facts->total_bytes);
    }
    lkas__remove(temporary);
    lkas__close_file(fd);
    return error->code;
}

/* Flag a segment that lost its name, and wake its readers to look for the next one. */
static inline void lkas__retire(lkas_channel *channel) {
    if (channel->facts.layout_version != LKAS_LAYOUT_VERSION) return; /* other layouts keep these words elsewhere */
    lkas__store(&channel->header->replaced, 1u, seq_cst);
    lkas__raise_wake(channel->header);
}

static inline void lkas__take_over(lkas_writer *writer, lkas_channel *channel, uint32_t generation) {
    lkas_header *header = channel->header;
    writer->channel = channel;
    writer->device = channel->segment.device;
    writer->inode = channel->segment.inode;
    writer->generation = generation;
    writer->sequence = (lkas__load(&header->latest, relaxed) >> 8) + 1;
    if (writer->sequence > LKAS_MAX_SEQUENCE) writer->sequence = 1;
    lkas__store(&header->writer_pid, lkas__process(), relaxed);
    lkas__store(&header->generation, generation, release);
}

/* Publish a new segment for the one that has the name, or had it: 1 done, 0 another one has it, negative: an error. */
static inline int lkas__put_in_place(lkas_writer *writer, lkas_channel *fresh, const char *temporary,
                                     uint32_t generation, uint64_t sequence, uint64_t device, uint64_t inode,
                                     lkas_error *error) {
    int result = 1;
    lkas__store(&fresh->header->latest, sequence << 8 | LKAS_NO_SLOT, relaxed);
    lkas_channel *const before = writer->channel;
    lkas__take_over(writer, fresh, generation);
    if (!lkas__is_named(writer->path, device, inode))
        result = lkas__name_without_replacing(temporary, writer->path, error);
    else if (lkas__rename(temporary, writer->path))
        result = lkas__fail(error, LKAS_E_SYSTEM, "%s: cannot replace the segment: %s", writer->path, strerror(errno));
    if (result == 1) return 1;
    lkas__remove(temporary);
    writer->channel = before;
    lkas_release(fresh);
    return result;
}

/* Replace a file that is no segment; `fd` holds its lock: 1 done, 0 try again, negative: an error. */
static inline int lkas__replace_damaged(lkas_writer *writer, int fd, const lkas_facts *wanted, lkas_error *error) {
    char temporary[LKAS_PATH_BYTES], problem[sizeof error->text];
    lkas_channel *fresh = NULL;
    lkas__file file;
    snprintf(problem, sizeof problem, "%s", error->text);
    if (lkas__describe(fd, &file) || !file.is_regular) return error->code;
    if (!lkas__is_named(writer->path, file.device, file.inode)) return 0;
    int result = lkas__build_channel(writer->path, wanted, &fresh, temporary, error);
    if (result == LKAS_OK)
        result = lkas__put_in_place(writer, fresh, temporary, 1, 0, file.device, file.inode, error);
    if (result == 1) snprintf(writer->notice, sizeof writer->notice, "%.600s (replaced)", problem);
    return result;
}

/* Try once to open for writing: 1 done, 0 try again, negative: an error. */
static inline int lkas__try_open(lkas_writer *writer, const lkas_spec *spec, lkas_error *error) {
    char temporary[LKAS_PATH_BYTES];
    lkas_channel *old = NULL, *fresh = NULL;
    lkas_facts wanted;
    lkas__fill_facts(&wanted, spec);
    int fd = lkas__open_file(writer->path, LKAS__READ_WRITE);
    if (fd < 0 && errno != ENOENT)
        return lkas__fail(error, LKAS_E_SYSTEM, "%s: cannot open the segment: %s", writer->path, strerror(errno));
    if (fd < 0) {
        int result = lkas__build_channel(writer->path, &wanted, &fresh, temporary, error);
        if (result) return result;
        lkas__store(&fresh->header->latest, (uint64_t)LKAS_NO_SLOT, relaxed);
        lkas__take_over(writer, fresh, 1);
        result = lkas__name_without_replacing(temporary, writer->path, error);
        if (result == 1) return 1;
        lkas__remove(temporary);
        writer->channel = NULL;
        lkas_release(fresh);
        return result;
    }
    int is_locked = lkas__set_lock(fd, F_WRLCK, 0, 1) == 0;
    int result = lkas__map(writer->path, fd, 1, &old, error);
    if (result == LKAS_E_NOT_A_SEGMENT && is_locked && !lkas__count_readers(fd)) {
        result = lkas__replace_damaged(writer, fd, &wanted, error);
        lkas__close_file(fd);
        return result;
    }
    if (result) {
        lkas__close_file(fd);
        return result;
    }
    if (!is_locked) {
        if (old->facts.layout_version == LKAS_LAYOUT_VERSION)
            error->pid = (int32_t)lkas__load(&old->header->writer_pid, relaxed);
        lkas__fail(error, LKAS_E_WRITER_EXISTS,
                   "%s: process %d already writes this channel; stop it, or use another name or instance",
                   writer->path, (int)error->pid);
        lkas_release(old);
        return LKAS_E_WRITER_EXISTS;
    }
    if (!lkas__is_named(writer->path, old->segment.device, old->segment.inode)) { /* replaced or unlinked before we had the lock */
        lkas_release(old);
        return 0;
    }
    int is_ours = old->facts.layout_version == LKAS_LAYOUT_VERSION && lkas__is_this_boot(&old->facts);
    uint32_t generation = is_ours ? lkas__load(&old->header->generation, relaxed) + 1 : 1;
    if (is_ours && lkas__has_shape(&old->facts, &wanted)) {
        lkas__take_over(writer, old, generation);
        lkas__raise_wake(old->header);
        return 1;
    }
    result = lkas__build_channel(writer->path, &wanted, &fresh, temporary, error);
    if (result == LKAS_E_SPACE && lkas__remove(writer->path) == 0) { /* the old one takes the room: without it, once more */
        lkas__retire(old);
        lkas_release(old);
        return 0;
    }
    if (result == LKAS_OK) {
        uint64_t sequence = is_ours ? lkas__load(&old->header->latest, relaxed) >> 8 : 0;
        lkas__store(&fresh->header->latest, sequence << 8 | LKAS_NO_SLOT, relaxed);
        lkas__take_over(writer, fresh, generation);
        if (lkas__rename(temporary, writer->path) == 0) {
            lkas__retire(old);
            result = 1;
        } else {
            result = lkas__fail(error, LKAS_E_SYSTEM,
                                "%s: cannot replace the segment: %s", writer->path, strerror(errno));
            lkas__remove(temporary);
            writer->channel = NULL;
            lkas_release(fresh);
        }
    }
    lkas_release(old);
    return result;
}

/* Create the segment, adopt one of the same shape that has no living writer, or replace one of another shape. */
static inline int lkas_open(lkas_writer *writer, const char *path, const lkas_spec *spec, lkas_error *error) {
    memset((void *)writer, 0, sizeof *writer);
    memset((void *)error, 0, sizeof *error);
    writer->slot = -1;
    writer->forks = lkas__forks;
    if (strlen(path) >= sizeof writer->path)
        return lkas__fail(error, LKAS_E_ARGUMENT, "%s: the path is longer than %d bytes", path, LKAS_PATH_BYTES);
    strcpy(writer->path, path);
    if (lkas__check_spec(spec, error)) return error->code;
    int result = 0;
    /* The lock is also held briefly by a process that removes or replaces the segment, and until a killed writer has
     * ended. */
    for (int attempt = 0; attempt < 20; ++attempt) {
        result = lkas__try_open(writer, spec, error);
        if (result == 1) return LKAS_OK;
        if (result != 0 && result != LKAS_E_WRITER_EXISTS) return result;
        lkas__sleep_ns(2000000);
    }
    if (result == 0) return lkas__fail(error, LKAS_E_SYSTEM, "%s: the segment was replaced again and again; gave up", path);
    return result;
}

/* ------------------------------------------------------------------ writing */

/* Create the writer's segment again, after its file was cut short, removed or overwritten by another program. */
static inline int lkas__recreate(lkas_writer *writer, const char *what, lkas_error *error) {
    char temporary[LKAS_PATH_BYTES];
    lkas_channel *old = writer->channel, *fresh = NULL;
    int result = lkas__build_channel(writer->path, &old->facts, &fresh, temporary, error);
    if (result) return result;
    result = lkas__put_in_place(writer, fresh, temporary, writer->generation, writer->sequence - 1, old->segment.device,
                                old->segment.inode, error);
    if (result == 0)
        return lkas__fail(error, LKAS_E_SYSTEM, "%s: another file took the name of this channel; open it again",
                          writer->path);
    if (result < 0) return result;
    lkas__retire(old);
    lkas__leave(old);
    lkas_release(old);
    snprintf(writer->notice, sizeof writer->notice, "%s: %s while it was written; created again", writer->path, what);
    return LKAS_OK;
}

/* Before each message: notice what another program did to the file, and mend it. A few nanoseconds when all is well. */
static inline int lkas__mend(lkas_writer *writer, lkas_error *error) {
    lkas_channel *channel = writer->channel;
    lkas_header *header = channel->header;
    if (writer->is_unlinked && !lkas__is_lost(&channel->segment)) return LKAS_OK;
    const int64_t now_ns = lkas__coarse_now_ns();
    if (now_ns >= writer->check_due_ns) {
        lkas__file file;
        writer->check_due_ns = now_ns + LKAS_CHECK_NS;
        if (lkas__describe(channel->segment.fd, &file) == 0 && (uint64_t)file.bytes != channel->facts.total_bytes)
            return lkas__recreate(writer, "the size of the file was changed", error);
        if (!lkas__is_named(writer->path, channel->segment.device, channel->segment.inode))
            return lkas__recreate(writer, "the file was removed", error);
    }
    const int is_sound = memcmp((const void *)&header->facts, &channel->facts, sizeof channel->facts) == 0 &&
                         lkas__load(&header->generation, relaxed) == writer->generation &&
                         !lkas__load(&header->replaced, relaxed);
    if (lkas__is_lost(&channel->segment)) return lkas__recreate(writer, "the file was cut short", error);
    return is_sound ? (int)LKAS_OK : lkas__recreate(writer, "the header was overwritten", error);
}

/* Bit i: slot i is pinned. The loads are the writer's half of the pin protocol, hence seq_cst. */
static inline uint64_t lkas__pinned_slots(lkas_header *header) {
    uint64_t pinned = 0;
    uint32_t limit = lkas__load(&header->reader_limit, seq_cst);
    if (limit > LKAS_READERS) limit = LKAS_READERS;
    for (uint32_t reader = 0; reader < limit; ++reader)
        for (int pin = 0; pin < LKAS_PINS; ++pin) {
            uint32_t value = lkas__load(&header->readers[reader].pins[pin], seq_cst);
            if (value && value <= LKAS_MAX_SLOTS) pinned |= UINT64_C(1) << (value - 1);
        }
    return pinned;
}

/* Clear the pins of readers that died: 1 when there were any. */
static inline int lkas__reap(lkas_channel *channel) {
    int reaped = 0;
    for (int reader = 0; reader < LKAS_READERS; ++reader) {
        lkas_reader_entry *entry = &channel->header->readers[reader];
        int is_pinning = 0;
        for (int pin = 0; pin < LKAS_PINS; ++pin) is_pinning |= lkas__load(&entry->pins[pin], acquire) != 0;
        if (!is_pinning || lkas__first_locked(channel->segment.fd, 1 + reader, 1) >= 0) continue;
        /* The entry has no owner; holding its lock keeps new readers out while the pins are cleared. */
        if (lkas__set_lock(channel->segment.fd, F_WRLCK, 1 + reader, 1)) continue;
        for (int pin = 0; pin < LKAS_PINS; ++pin) lkas__store(&entry->pins[pin], 0u, release);
        lkas__store(&entry->pid, 0u, relaxed);
        lkas__set_lock(channel->segment.fd, F_UNLCK, 1 + reader, 1);
        reaped = 1;
    }
    return reaped;
}

static inline int lkas__check_writer(const lkas_writer *writer, lkas_error *error) {
    if (writer->forks != lkas__forks)
        return lkas__fail(error, LKAS_E_FORKED,
                          "%s: opened by the parent process; open the channel again after a fork", writer->path);
    if (!writer->channel) return lkas__fail(error, LKAS_E_CLOSED, "%s: this channel is closed", writer->path);
    return LKAS_OK;
}

/* Take the lowest slot that is neither newest nor pinned and mark it odd: its index, or LKAS_E_FULL. A small working
 * set is what keeps copies in the cache. Never waits. */
static inline int lkas_claim(lkas_writer *writer, lkas_error *error) {
    if (lkas__check_writer(writer, error)) return error->code;
    if (writer->slot >= 0)
        return lkas__fail(error, LKAS_E_CLAIMED,
                          "%s: a slot is on loan; end that loan before the next message", writer->path);
    if (lkas__mend(writer, error)) return error->code;
    lkas_header *header = writer->channel->header;
    const lkas_facts *facts = &writer->channel->facts;
    for (int attempt = 0; attempt < 2; ++attempt) {
        uint64_t newest = lkas__load(&header->latest, relaxed) & 0xff;
        uint64_t taken = lkas__pinned_slots(header) | (newest < LKAS_MAX_SLOTS ? UINT64_C(1) << newest : 0);
        for (uint32_t index = 0; index < facts->slots; ++index) {
            if (taken >> index & 1) continue;
            lkas_slot *slot = lkas_slot_at(writer->channel, index);
            uint64_t before = lkas__load(&slot->mark, relaxed);
            /* Pairs with the pin in lkas_view_begin(): of mark and pin, the later one sees the earlier one. */
            lkas__store(&slot->mark, 2 * writer->sequence - 1, seq_cst);
            if (!(lkas__pinned_slots(header) >> index & 1)) {
                writer->slot = (int)index;
                return (int)index;
            }
            lkas__store(&slot->mark, before, seq_cst); /* its content is complete: the reader that pinned it may go on */
        }
        if (attempt == 0 && !lkas__reap(writer->channel)) break;
    }
    lkas__add(&header->drops, 1u, relaxed);
    return lkas__fail(error, LKAS_E_FULL,
                      "%s: none of the %u slots is free: each is the newest or pinned by a reader", writer->path,
                      facts->slots);
}

/* Prefetch the cache lines of the slot that probably comes next; a reader used them last. Only a hint to the processor:
 * where the guess is wrong, the next claim fetches them. */
static inline void lkas__fetch_next(const lkas_channel *channel, uint32_t newest) {
    const lkas_facts *facts = &channel->facts;
    const char *slot = (const char *)lkas_slot_at(channel, newest == 0), *end;
    end = slot + LKAS_SLOT_HEADER_BYTES + facts->record_bytes;
    for (int lines = 0; slot < end && lines < LKAS_FETCHED_LINES; slot += 64, ++lines) lkas__fetch_to_write(slot);
}

static inline void *lkas_claimed_bulk(const lkas_writer *writer) {
    return lkas_slot_bulk(writer->channel, (uint32_t)writer->slot);
}

/* Store the record into the claimed slot and make it the newest; return its sequence. */
static inline uint64_t lkas_publish(lkas_writer *writer, const void *record) {
    lkas_header *header = writer->channel->header;
    const lkas_facts *facts = &writer->channel->facts;
    lkas_slot *slot = lkas_slot_at(writer->channel, (uint32_t)writer->slot);
    LKAS_ATOMIC(uint64_t) *words = lkas_slot_record(slot);
    const uint64_t sequence = writer->sequence++;
    const int64_t publish_ns = lkas_now_ns();
    /* Release: a reader that sees one of these words sees the odd mark that lkas_claim() stored before. */
    for (uint32_t i = 0; i < facts->record_bytes / 8; ++i) {
        uint64_t word;
        memcpy(&word, (const char *)record + 8 * i, 8);
        lkas__store(&words[i], word, release);
    }
    if (facts->stamp_offset != LKAS_NO_STAMPS) {
        lkas__store(&words[facts->stamp_offset / 8], (uint64_t)publish_ns, release);
        lkas__store(&words[facts->stamp_offset / 8 + 1], sequence, release);
    }
    lkas__store(&slot->publish_ns, publish_ns, release);
    if (facts->has_crc) {
        lkas__store(&slot->record_crc, lkas__record_crc(writer->channel, (uint32_t)writer->slot), release);
        lkas__store(&slot->bulk_crc, lkas__bulk_crc(writer->channel, (uint32_t)writer->slot), release);
    }
    /* Pairs with the acquire load in lkas__copy_record(): a reader that sees this mark sees every word stored above. */
    lkas__store(&slot->mark, 2 * sequence, release);
    /* Pairs with the waiter's increment of `waiters`: this sees the waiter, or the waiter sees this message. */
    lkas__store(&header->latest, sequence << 8 | (uint64_t)writer->slot, seq_cst);
    if (lkas__load(&header->waiters, seq_cst)) lkas__raise_wake(header);
    lkas__fetch_next(writer->channel, (uint32_t)writer->slot);
    writer->slot = -1;
    return sequence;
}

/* Release a claimed slot without publishing; its content is lost. */
static inline void lkas_abandon(lkas_writer *writer) {
    if (writer->channel && writer->slot >= 0)
        lkas__store(&lkas_slot_at(writer->channel, (uint32_t)writer->slot)->mark, UINT64_C(0), release);
    writer->slot = -1;
}

/* Copy record and bulk (NULL: none) and publish: the sequence, or LKAS_E_FULL. */
static inline int64_t lkas_write(lkas_writer *writer, const void *record, const void *bulk, lkas_error *error) {
    if (lkas_claim(writer, error) < 0) return error->code;
    if (bulk) memcpy(lkas_claimed_bulk(writer), bulk, writer->channel->facts.bulk_bytes);
    return (int64_t)lkas_publish(writer, record);
}

/* ------------------------------------------------------------------ closing */

static inline void lkas_close_writer(lkas_writer *writer) {
    if (!writer->channel) return;
    if (writer->forks == lkas__forks) {
        lkas_abandon(writer);
        lkas__leave(writer->channel);
    }
    lkas_release(writer->channel);
    writer->channel = NULL;
}

/* Remove a segment without a living writer: 1 removed, 0 kept (not there, another inode, a living writer; with
 * `only_idle` also living readers). Inode 0: whatever has the name. */
static inline int lkas_unlink_idle(const char *path, uint64_t device, uint64_t inode, int only_idle, lkas_error *error) {
    lkas_channel *channel = NULL;
    int fd = lkas__open_file(path, LKAS__READ_WRITE);
    if (fd < 0 && errno == ENOENT) return 0;
    if (fd < 0) return lkas__fail(error, LKAS_E_SYSTEM, "%s: cannot open the segment: %s", path, strerror(errno));
    lkas__file file;
    int removed = 0;
    if (lkas__set_lock(fd, F_WRLCK, 0, 1) == 0 && lkas__describe(fd, &file) == 0 &&
        (!inode || (file.device == device && file.inode == inode)) && lkas__is_named(path, file.device, file.inode) &&
        !(only_idle && lkas__count_readers(fd))) {
        lkas__map(path, fd, 1, &channel, error); /* an unfinished one cannot be mapped */
        removed = lkas__remove(path) == 0;
        if (channel && removed) lkas__retire(channel);
    }
    if (channel) lkas_release(channel);
    else lkas__close_file(fd);
    return removed;
}

/* Remove the writer's own segment, before or after closing; not when a later writer has taken it over. */
static inline int lkas_unlink(lkas_writer *writer, lkas_error *error) {
    if (writer->forks != lkas__forks) return lkas__check_writer(writer, error);
    if (!writer->channel) return lkas_unlink_idle(writer->path, writer->device, writer->inode, 0, error);
    if (!lkas__is_named(writer->path, writer->device, writer->inode)) return 0;
    if (lkas__remove(writer->path))
        return lkas__fail(error, LKAS_E_SYSTEM, "%s: cannot remove the segment: %s", writer->path, strerror(errno));
    writer->is_unlinked = 1;
    lkas__retire(writer->channel);
    return 1;
}

#endif /* LKAS_WRITER_H */
