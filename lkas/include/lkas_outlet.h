/* lkas_outlet.h: the sending end of an inbox: attach, claim room, commit a message. */
#ifndef LKAS_OUTLET_H
#define LKAS_OUTLET_H

#include "lkas_inbox.h"

/* Whether the inbox has a living owner, by its lock. */
static inline int lkas_ring_is_alive(lkas_ring *ring) {
    return lkas__load(&lkas_ring_header_of(ring)->state, seq_cst) == LKAS_RING_OPEN && ring->segment.fd >= 0 &&
           lkas__first_locked(ring->segment.fd, 0, 1) >= 0;
}

/* Open the inbox of a receiver, and take a seat among its senders. */
static inline lkas_ring *lkas_ring_attach(const char *path, lkas_error *error) {
    lkas_ring *ring = lkas__ring_open(path, error);
    for (uint32_t seat = LKAS_RING_SEATS_AT; ring && seat < LKAS_RING_SEATS_AT + LKAS_RING_SEATS; ++seat)
        if (lkas__set_lock(ring->segment.fd, F_WRLCK, seat, 1) == 0) {
            lkas__ring_sit(ring, seat);
            return ring;
        }
    if (!ring) return NULL;
    lkas__fail(error, LKAS_E_READERS, "%s: %u senders use this inbox, which is the maximum", path, LKAS_RING_SEATS);
    lkas_ring_release(ring);
    return NULL;
}

/* Find the offset where `room` bytes fit behind the newest message, within the first `limit` bytes of the arena, while
 * messages from `freed` on are in use; from the entries alone: LKAS_OK or LKAS_RING_FULL. */
static inline int lkas__ring_place(const lkas_ring *ring, uint64_t room, uint64_t freed, uint64_t limit,
                                   uint64_t *offset) {
    lkas_ring_header *header = lkas_ring_header_of(ring);
    const uint64_t tail = lkas__load(&header->tail, relaxed);
    *offset = 0;
    if (tail - freed >= ring->slots) return LKAS_RING_FULL;
    if (tail == freed) return room <= limit ? (int)LKAS_OK : (int)LKAS_RING_FULL;
    const lkas_ring_entry *oldest = lkas_ring_entry_at(ring, freed), *newest = lkas_ring_entry_at(ring, tail - 1);
    const uint64_t end = newest->offset + lkas__ring_rounded(newest->bytes);
    if (newest->offset >= oldest->offset) { /* used: oldest to end; free: behind and before */
        if (room <= limit - end) *offset = end;
        else if (room > oldest->offset) return LKAS_RING_FULL;
        return LKAS_OK;
    }
    *offset = end; /* wrapped: free is what lies between */
    return room <= oldest->offset - end ? (int)LKAS_OK : (int)LKAS_RING_FULL;
}

/* Find room: in what was free before, in what is free now, in what is not allocated yet. */
static inline int lkas__ring_find(lkas_ring *ring, uint64_t room, uint64_t *offset) {
    lkas_ring_header *header = lkas_ring_header_of(ring);
    uint64_t freed = lkas__load(&header->known_freed, relaxed);
    if (lkas__ring_place(ring, room, freed, header->allocated, offset) == LKAS_OK) return LKAS_OK;
    freed = lkas__load(&header->freed, seq_cst);
    lkas__store(&header->known_freed, freed, relaxed);
    if (lkas__ring_place(ring, room, freed, header->allocated, offset) == LKAS_OK) return LKAS_OK;
    return lkas__ring_place(ring, room, freed, ring->capacity, offset);
}

static inline int lkas__ring_grow(lkas_ring *ring, uint64_t needed, lkas_error *error) {
    lkas_ring_header *header = lkas_ring_header_of(ring);
    if (needed <= header->allocated) return LKAS_OK;
    uint64_t wanted = needed > 2 * header->allocated ? needed : 2 * header->allocated;
    if (wanted > ring->capacity) wanted = ring->capacity;
    const uint64_t start = ring->arena_offset + header->allocated;
    if (lkas__allocate(ring->segment.fd, start, wanted - header->allocated)) {
        int result = lkas__allocate(ring->segment.fd, start, needed - header->allocated);
        if (result)
            return lkas__fail(error, LKAS_E_SPACE, "%s: no room for %llu more bytes: %s", ring->path,
                              (unsigned long long)(needed - header->allocated), strerror(result));
        wanted = needed;
    }
    header->allocated = wanted;
    return LKAS_OK;
}

/* While holding the turn, claim room for a message. LKAS_OK: fill `claim->place`, then commit. Else the turn is over. */
static inline int lkas_ring_claim(lkas_ring *ring, uint64_t bytes, lkas_ring_room *claim, lkas_error *error) {
    lkas_ring_header *header = lkas_ring_header_of(ring);
    int result = LKAS_OK;
    if (lkas__load(&header->state, seq_cst) != LKAS_RING_OPEN) result = LKAS_RING_GONE;
    else if (bytes > ring->capacity) result = LKAS_RING_TOO_LARGE;
    else result = lkas__ring_find(ring, lkas__ring_rounded(bytes), &claim->offset);
    if (result == LKAS_OK && !lkas_ring_holds(ring, claim->offset, lkas__ring_rounded(bytes)))
        result = LKAS_RING_FULL; /* another program overwrote an entry */
    if (result == LKAS_OK) result = lkas__ring_grow(ring, claim->offset + lkas__ring_rounded(bytes), error);
    if (result != LKAS_OK) {
        lkas__ring_unlock(header);
        return result;
    }
    claim->position = lkas__load(&header->tail, relaxed);
    claim->bytes = bytes;
    claim->place = (char *)ring->segment.start + ring->arena_offset + claim->offset;
    return LKAS_OK;
}

static inline void lkas_ring_commit(lkas_ring *ring, const lkas_ring_room *claim, uint32_t kind, uint32_t parts,
                                    uint64_t sender, uint64_t request) {
    lkas_ring_header *header = lkas_ring_header_of(ring);
    lkas_ring_entry *entry = lkas_ring_entry_at(ring, claim->position);
    entry->offset = claim->offset;
    entry->bytes = claim->bytes;
    entry->sender = sender;
    entry->request = request;
    entry->kind = kind;
    entry->parts = parts;
    lkas__store(&entry->is_released, 0u, relaxed);
    lkas__store(&header->tail, claim->position + 1, seq_cst); /* from here on it is sent */
    lkas__ring_unlock(header);
    uint32_t asleep = 1;
    if (lkas__load(&header->is_asleep, seq_cst) && lkas__swap_if(&header->is_asleep, &asleep, 0u))
        lkas__inbox_raise(header);
}

static inline void lkas_ring_count_drop(lkas_ring *ring) {
    lkas__add(&lkas_ring_header_of(ring)->dropped, 1u, relaxed);
}

#endif /* LKAS_OUTLET_H */
