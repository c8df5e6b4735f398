/* lkas_turn.h: senders of one inbox take turns; a turn of a dead sender is ended by the others. */
#ifndef LKAS_TURN_H
#define LKAS_TURN_H

#include "lkas_ring_file.h"

/* Take a seat, whose lock is held: a turn of that seat belongs to a dead owner, so end it. */
static inline void lkas__ring_sit(lkas_ring *ring, uint32_t seat) {
    uint32_t own = seat + 1;
    ring->seat = seat;
    lkas__swap_if(&lkas_ring_header_of(ring)->turn, &own, 0u);
}

/* End the turn of a sender that died in it: it has published nothing. */
static inline void lkas__ring_relieve(lkas_ring *ring) {
    uint32_t turn = lkas__load(&lkas_ring_header_of(ring)->turn, seq_cst);
    if (turn == 0 || turn == ring->seat + 1 || lkas__first_locked(ring->segment.fd, turn - 1, 1) >= 0) return;
    if (lkas__set_lock(ring->segment.fd, F_WRLCK, turn - 1, 1)) return; /* the new owner of the seat ends it */
    const uint32_t seat = turn - 1;
    lkas__swap_if(&lkas_ring_header_of(ring)->turn, &turn, 0u);
    lkas__set_lock(ring->segment.fd, F_UNLCK, seat, 1);
}

/* Take the turn: LKAS_OK, or LKAS_RING_FULL when the sender that has it does not finish. `duration_ns` 0: do not wait. */
static inline int lkas_ring_lock(lkas_ring *ring, int64_t duration_ns) {
    lkas_ring_header *header = lkas_ring_header_of(ring);
    const int64_t begin_ns = duration_ns > 0 ? lkas_now_ns() : 0;
    for (;;) {
        uint32_t unused = 0;
        if (lkas__swap_if(&header->turn, &unused, ring->seat + 1)) return LKAS_OK;
        const int64_t waited_ns = duration_ns > 0 ? lkas_now_ns() - begin_ns : 0;
        if (waited_ns >= duration_ns || ring->segment.fd < 0) return LKAS_RING_FULL;
        if (waited_ns < LKAS_RING_LOOK_NS) continue; /* a turn is short, unless its owner was interrupted */
        lkas__ring_relieve(ring);
        lkas__sleep_ns(LKAS_RING_TURN_SLEEP_NS);
    }
}

static inline void lkas__ring_unlock(lkas_ring_header *header) {
    lkas__store(&header->turn, 0u, release); /* pairs with the next sender's swap */
}

/* Refuse further messages; senders find the inbox gone. */
static inline void lkas__inbox_shut(lkas_ring *ring) {
    lkas_ring_header *header = lkas_ring_header_of(ring);
    const int has_turn = lkas_ring_lock(ring, LKAS_RING_TURN_NS) == LKAS_OK;
    lkas__store(&header->state, (uint32_t)LKAS_RING_CLOSED, seq_cst);
    if (has_turn) lkas__ring_unlock(header);
}

#endif /* LKAS_TURN_H */
