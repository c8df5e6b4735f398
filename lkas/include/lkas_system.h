/* lkas_system.h: what the channels need from compiler and operating system: atomics, clocks, sleeping, files, locks,
 * mappings.
 *
 * Linux is the system that all promises hold for. macOS differs in three things: where there is no futex a waiter
 * sleeps for at most half a millisecond at a time, a segment does not know its boot, and the default directory is /tmp.
 * Windows (MinGW or clang) has those, and three more: looking for a lock takes it for a moment, a segment can be removed
 * or replaced only while no other process has it mapped, and every file in the directory counts as the user's own.
 */
#ifndef LKAS_SYSTEM_H
#define LKAS_SYSTEM_H

#ifdef _WIN32
#ifndef __USE_MINGW_ANSI_STDIO
#define __USE_MINGW_ANSI_STDIO 1 /* %lld and %llx as everywhere else */
#endif
#define LKAS__PRINTF gnu_printf
#else
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#define LKAS__PRINTF printf
#if defined(__GLIBC__) && !defined(__USE_MISC)
#error "lkas: a system header came before this one without _GNU_SOURCE: include lkas_*.h first, or add -D_GNU_SOURCE"
#include "lkas: see the #error above" /* a fatal error: the compiler stops here */
#endif
#endif

#ifdef __cplusplus
extern "C++" { /* system headers have templates, and the include may be inside extern "C" */
#endif

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#ifdef _WIN32
#include <io.h>
#include <windows.h>
#else
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#ifdef __linux__
#include <linux/futex.h>
#endif

#ifdef __cplusplus
#include <atomic>
}
#define LKAS_ATOMIC(type) std::atomic<type>
#define LKAS_ORDER(order) std::memory_order_##order
#define lkas__load(object, order) (object)->load(LKAS_ORDER(order))
#define lkas__store(object, value, order) (object)->store((value), LKAS_ORDER(order))
#define lkas__add(object, value, order) (object)->fetch_add((value), LKAS_ORDER(order))
#define lkas__swap_if(object, expected, value) (object)->compare_exchange_strong(*(expected), (value))
#else
#include <assert.h>
#include <stdalign.h>
#include <stdatomic.h>
#define LKAS_ATOMIC(type) _Atomic(type)
#define LKAS_ORDER(order) memory_order_##order
#define lkas__load(object, order) atomic_load_explicit((object), LKAS_ORDER(order))
#define lkas__store(object, value, order) atomic_store_explicit((object), (value), LKAS_ORDER(order))
#define lkas__add(object, value, order) atomic_fetch_add_explicit((object), (value), LKAS_ORDER(order))
#define lkas__swap_if(object, expected, value) atomic_compare_exchange_strong((object), (expected), (value))
#endif

#define LKAS__BOUNDED_SLEEP_NS INT64_C(500000) /* one sleep where there is no futex */

/* Prefetch a cache line that is about to be written. */
static inline void lkas__fetch_to_write(const void *line) {
#if defined(__x86_64__)
    __asm__ volatile("prefetchw %0" : : "m"(*(const char *)line)); /* __builtin_prefetch fetches it for reading, or not at all */
#else
    __builtin_prefetch(line, 1);
#endif
}

/* A file as the core knows it. */
typedef struct lkas__file {
    uint64_t device, inode;
    int64_t bytes;
    int is_regular, is_own;
    uint32_t owner;
} lkas__file;

enum { LKAS__READ, LKAS__READ_WRITE, LKAS__CREATE }; /* LKAS__CREATE: a new file for reading and writing, mode 0600 */

/* One word of several to wait for; laid out as the struct of futex_waitv(2). */
typedef struct lkas__waitv {
    uint64_t value, address;
    uint32_t flags, reserved;
} lkas__waitv;

#ifdef _WIN32
#include "lkas_windows.h"
#else
#include "lkas_posix.h"
#endif
#include "lkas_futex.h"

#endif /* LKAS_SYSTEM_H */
