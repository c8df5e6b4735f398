/* lkas_channel.h: one writer, any number of readers, the latest value wins, over shared memory.
 *
 * The whole core of the channels. It knows bytes, sizes and atomics, no Python and no message, and serves C11 and
 * C++17 programs alone; `lkas_messages.h` has the records. Include it before any system header, or define
 * _GNU_SOURCE. 64 bit; Linux first.
 *
 *   lkas_writer.h   lkas_open(), lkas_write() or lkas_claim() .. lkas_publish(), lkas_close_writer()
 *   lkas_reader.h   lkas_reader_init(), lkas_read() or lkas_view_begin() .. lkas_view_end()
 *   lkas_wait.h     lkas_wait(), lkas_close_wakes(), lkas_close_reader()
 *   lkas_inspect.h  lkas_inspect()
 *
 * Below these: lkas_slots.h (layout of a segment), lkas_segment.h (files, locks, forks), lkas_system.h (what differs
 * between systems).
 *
 * What the memory model promises
 *   record   The writer marks the slot odd, stores the words with release and the even mark with release; a reader
 *            loads mark, words (acquire) and mark again. A reader that sees one word of a newer message therefore
 *            sees its odd mark, or a later one, and tries again. No stand-alone fences.
 *   bulk     A reader stores its pin, then loads the mark; the writer stores the odd mark, then loads the pins; all
 *            four are seq_cst, so at least one of the two sees the other. Either the reader tries again, or the writer
 *            restores the slot's old mark and takes another slot. Unpinning is a release that the writer's load of the
 *            pins pairs with: bytes that are still being read are never written.
 *   waking   The writer stores `latest`, then looks for waiters and raises `wake` where there are any; a waiter
 *            announces itself, then loads `wake` and `latest`; seq_cst again, so no message is lost between checking
 *            and sleeping.
 *
 * With `has_crc` each slot carries the CRC-32 (zlib's) of its record and of its bulk, and readers skip and count a
 * message whose CRC fails. It covers what the above cannot see: files that other programs write to, disks.
 *
 * Locks: byte 0 of the file belongs to the writer, byte 1 + i to reader i. Threads: a reader or writer belongs to one
 * thread at a time; only lkas_close_wakes() may be called from another one.
 */
#ifndef LKAS_CHANNEL_H
#define LKAS_CHANNEL_H

#include "lkas_inspect.h"
#include "lkas_reader.h"
#include "lkas_wait.h"
#include "lkas_writer.h"

#endif /* LKAS_CHANNEL_H */
