/* lkas_ring.h: inboxes of whole messages in shared memory. One receiver owns an inbox, any number of senders fill it.
 *
 * The basis of lkas.integration.shared_memory.sockets: knows bytes, positions and atomics, no Python and no pattern.
 * C11 or C++17, 64 bit.
 *
 *   lkas_inbox.h    lkas_inbox_create() or lkas_inbox_adopt(), lkas_inbox_take() .. lkas_inbox_release(),
 *                   lkas_inbox_close()
 *   lkas_outlet.h   lkas_ring_attach(), lkas_ring_lock(), lkas_ring_claim(), lkas_ring_commit()
 *   lkas_bell.h     lkas_bell_open(), lkas_bell_watch(), lkas_bell_wait(), lkas_bell_announce(), lkas_bell_close()
 *
 * An inbox is one file: header, entries, arena. Messages are numbered by position; entry `position % slots` says where
 * in the arena the message lies. The arena is used first in, first out. It grows only when the allocated part has no
 * room, so that a receiver that keeps up works in a few warm pages, however long the stream.
 *
 * Speed. What one side stores for each message lies apart from what the other side stores, and is read again only when
 * the value seen before is used up: at full speed a message moves its own two cache lines, and no others, between the
 * processors. Senders that wait for room are woken when half of the messages are taken, not after each.
 *
 * Dying. Senders take turns: `turn` names the seat of the one that writes. A seat is a byte of the file, locked for as
 * long as its owner lives (byte 0 the receiver's, from LKAS_RING_SEATS_AT on the senders'), so a waiting process can see
 * that a turn belongs to a dead one, and ends it, while it holds the lock of that seat so that no newcomer takes it. All
 * that senders decide follows from entries [freed, tail), and the store of `tail` is the only step that counts: a sender
 * that dies before it has sent nothing.
 *
 * What the memory model promises. `tail` is stored with release after entry and bytes and loaded with acquire before
 * they are read; `freed` likewise in the other direction, so bytes that are still being read are never overwritten.
 * A process that goes to sleep announces that, then checks for news; one that brings news stores them, then checks for
 * sleepers: all four seq_cst.
 */
#ifndef LKAS_RING_H
#define LKAS_RING_H

#include "lkas_bell.h"
#include "lkas_inbox.h"
#include "lkas_outlet.h"

#endif /* LKAS_RING_H */
