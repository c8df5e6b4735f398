/* lkas_writer.h: the writing end of a channel: open, claim a slot, publish, close. */
#ifndef LKAS_WRITER_H
#define LKAS_WRITER_H

#include "lkas_slots.h"

#define LKAS_FETCHED_LINES 8 /* of the next slot, at the end of a publish */

typedef struct lkas_writer {
    char path[LKAS_PATH_BYTES];
    lkas_channel *channel; /* NULL: closed */
    uint64_t sequence;     /* of the next message */
    int slot;              /* claimed, or -1 */
    unsigned forks;
    uint64_t device, inode; /* of the segment, for unlinking after closing */
} lkas_writer;

/* ------------------------------------------------------------------ opening */

/* Create a locked channel under a temporary name. The caller publishes or unlinks it. */
static inline int lkas__build_channel(const char *path, const lkas_spec *spec, lkas_channel **out, char *temporary,
                                      lkas_error *error) {
    lkas_header wanted;
    memset((void *)&wanted, 0, sizeof wanted);
    lkas__fill_header(&wanted, spec);
    const int fd = lkas__build(path, F_WRLCK, wanted.total_bytes, wanted.total_bytes, temporary, error);
    if (fd < 0) return error->code;
    void *mapping = lkas__map_file(fd, wanted.total_bytes, 1);
    if (!mapping) {
        lkas__fail(error, LKAS_E_SYSTEM, "%s: cannot map %llu bytes: %s", path, (unsigned long long)wanted.total_bytes,
                   strerror(errno));
    } else {
        memcpy(mapping, (const void *)&wanted, sizeof wanted);
        *out = lkas__new_channel(fd, mapping, wanted.total_bytes);
        if (*out) return LKAS_OK;
        lkas__fail(error, LKAS_E_SYSTEM, "%s: out of memory", path);
        lkas__unmap(mapping, wanted.total_bytes);
    }
    lkas__remove(temporary);
    lkas__close_file(fd);
    return error->code;
}
/* Flag a segment that lost its name, and wake its readers to look for the next one. */
static inline void lkas__retire(lkas_channel *channel) {
    if (channel->header->layout_version != LKAS_LAYOUT_VERSION) return; /* other layouts keep these words elsewhere */
    lkas__store(&channel->header->replaced, 1u, seq_cst);
    lkas__raise_wake(channel->header);
}

static inline void lkas__take_over(lkas_writer *writer, lkas_channel *channel, uint32_t generation) {
    lkas_header *header = channel->header;
    writer->channel = channel;
    writer->device = channel->segment.device;
    writer->inode = channel->segment.inode;
    writer->sequence = (lkas__load(&header->latest, relaxed) >> 8) + 1;
    lkas__store(&header->writer_pid, lkas__process(), relaxed);
    lkas__store(&header->generation, generation, release);
}

/* Try once to open for writing: 1 done, 0 try again, negative: an error. */
static inline int lkas__try_open(lkas_writer *writer, const lkas_spec *spec, lkas_error *error) {
    char temporary[LKAS_PATH_BYTES];
    lkas_channel *old = NULL, *fresh = NULL;
    int fd = lkas__open_file(writer->path, LKAS__READ_WRITE);
    if (fd < 0 && errno != ENOENT)
        return lkas__fail(error, LKAS_E_SYSTEM, "%s: cannot open the segment: %s", writer->path, strerror(errno));
    if (fd < 0) {
        int result = lkas__build_channel(writer->path, spec, &fresh, temporary, error);
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
    if (result) {
        lkas__close_file(fd);
        return result;
    }
    if (!is_locked) {
        if (old->header->layout_version == LKAS_LAYOUT_VERSION)
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
    lkas_header wanted;
    memset((void *)&wanted, 0, sizeof wanted);
    lkas__fill_header(&wanted, spec);
    int is_ours = old->header->layout_version == LKAS_LAYOUT_VERSION && lkas__is_this_boot(old->header);
    uint32_t generation = is_ours ? lkas__load(&old->header->generation, relaxed) + 1 : 1;
    if (is_ours && lkas__has_shape(old->header, &wanted)) {
        lkas__take_over(writer, old, generation);
        lkas__raise_wake(old->header);
        return 1;
    }
    result = lkas__build_channel(writer->path, spec, &fresh, temporary, error);
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
    lkas_header *header = writer->channel->header;
    if (writer->slot >= 0)
        return lkas__fail(error, LKAS_E_CLAIMED,
                          "%s: a slot is on loan; end that loan before the next message", writer->path);
    for (int attempt = 0; attempt < 2; ++attempt) {
        uint64_t newest = lkas__load(&header->latest, relaxed) & 0xff;
        uint64_t taken = lkas__pinned_slots(header) | (newest < LKAS_MAX_SLOTS ? UINT64_C(1) << newest : 0);
        for (uint32_t index = 0; index < header->slots; ++index) {
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
                      header->slots);
}

/* Prefetch the cache lines of the slot that probably comes next; a reader used them last. Only a hint to the processor:
 * where the guess is wrong, the next claim fetches them. */
static inline void lkas__fetch_next(const lkas_channel *channel, uint32_t newest) {
    const lkas_header *header = channel->header;
    const char *slot = (const char *)lkas_slot_at(channel, newest == 0), *end;
    end = slot + LKAS_SLOT_HEADER_BYTES + header->record_bytes;
    for (int lines = 0; slot < end && lines < LKAS_FETCHED_LINES; slot += 64, ++lines) lkas__fetch_to_write(slot);
}

static inline void *lkas_claimed_bulk(const lkas_writer *writer) {
    return lkas_slot_bulk(writer->channel, (uint32_t)writer->slot);
}

/* Store the record into the claimed slot and make it the newest; return its sequence. */
static inline uint64_t lkas_publish(lkas_writer *writer, const void *record) {
    lkas_header *header = writer->channel->header;
    lkas_slot *slot = lkas_slot_at(writer->channel, (uint32_t)writer->slot);
    LKAS_ATOMIC(uint64_t) *words = lkas_slot_record(slot);
    const uint64_t sequence = writer->sequence++;
    const int64_t publish_ns = lkas_now_ns();
    /* Release: a reader that sees one of these words sees the odd mark that lkas_claim() stored before. */
    for (uint32_t i = 0; i < header->record_bytes / 8; ++i) {
        uint64_t word;
        memcpy(&word, (const char *)record + 8 * i, 8);
        lkas__store(&words[i], word, release);
    }
    if (header->stamp_offset != LKAS_NO_STAMPS) {
        lkas__store(&words[header->stamp_offset / 8], (uint64_t)publish_ns, release);
        lkas__store(&words[header->stamp_offset / 8 + 1], sequence, release);
    }
    lkas__store(&slot->publish_ns, publish_ns, release);
    if (header->has_crc) {
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
    if (bulk) memcpy(lkas_claimed_bulk(writer), bulk, writer->channel->header->bulk_bytes);
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
    lkas__retire(writer->channel);
    return 1;
}

#endif /* LKAS_WRITER_H */
