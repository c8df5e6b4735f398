/* lkas_system.h: what the channels ask of compiler and operating system: atomics, clocks, sleeping, files, locks, maps.
 *
 * Linux is the system that all promises hold for. macOS differs in three things: where there is no futex a waiter
 * sleeps for at most half a millisecond at a time, a segment does not know its boot, and the default directory is /tmp.
 * Windows (MinGW or clang) has those, and three more: looking for a lock takes it for a moment, a segment can be removed
 * or replaced only while nobody else has it mapped, and every file in the directory counts as one's own.
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

/* Ask for a cache line that is about to be written. */
static inline void lkas__fetch_to_write(const void *line) {
#if defined(__x86_64__)
    __asm__ volatile("prefetchw %0" : : "m"(*(const char *)line)); /* __builtin_prefetch fetches it to read, or not at all */
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

/* ------------------------------------------------------------------ Windows */

#define F_UNLCK 0
#define F_WRLCK 1
#define F_RDLCK 2
#define LKAS__LOCKS_HIGH 0x40000000u /* upper half of where the lock bytes are: beyond any content */

static inline int64_t lkas_now_ns(void) {
    LARGE_INTEGER count, frequency;
    QueryPerformanceCounter(&count);
    QueryPerformanceFrequency(&frequency);
    const int64_t whole = count.QuadPart / frequency.QuadPart, rest = count.QuadPart % frequency.QuadPart;
    return whole * 1000000000 + rest * 1000000000 / frequency.QuadPart;
}

static inline int64_t lkas__coarse_now_ns(void) { return (int64_t)GetTickCount64() * 1000000; }

static inline void lkas__sleep_ns(int64_t duration_ns) { Sleep((DWORD)((duration_ns + 999999) / 1000000)); }

static inline uint32_t lkas__process(void) { return (uint32_t)GetCurrentProcessId(); }

static inline uint32_t lkas__user(void) { return 0; }

static inline const char *lkas__default_directory(void) { return getenv("TEMP") ? getenv("TEMP") : "."; }

static inline void lkas__boot_id(uint8_t id[16]) { memset(id, 0, 16); }

static inline int lkas__call_after_fork(void (*function)(void)) { return (void)function, 1; }

static inline int lkas__failed(void) {
    switch (GetLastError()) {
    case ERROR_FILE_NOT_FOUND:
    case ERROR_PATH_NOT_FOUND:
        errno = ENOENT;
        break;
    case ERROR_FILE_EXISTS:
    case ERROR_ALREADY_EXISTS:
        errno = EEXIST;
        break;
    case ERROR_DISK_FULL:
        errno = ENOSPC;
        break;
    default:
        errno = EACCES;
    }
    return -1;
}

static inline HANDLE lkas__handle(int fd) { return (HANDLE)_get_osfhandle(fd); }

static inline int lkas__open_file(const char *path, int mode) {
    const DWORD access = mode == LKAS__READ ? GENERIC_READ : GENERIC_READ | GENERIC_WRITE;
    const DWORD shared = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
    HANDLE handle = CreateFileA(path, access, shared, NULL, mode == LKAS__CREATE ? CREATE_NEW : OPEN_EXISTING,
                                FILE_ATTRIBUTE_NORMAL | FILE_FLAG_OPEN_REPARSE_POINT, NULL);
    if (handle == INVALID_HANDLE_VALUE) return lkas__failed();
    const int fd = _open_osfhandle((intptr_t)handle, _O_BINARY | _O_NOINHERIT);
    if (fd < 0) CloseHandle(handle);
    return fd;
}

static inline int lkas__close_file(int fd) { return _close(fd); }

static inline int lkas__describe(int fd, lkas__file *file) {
    BY_HANDLE_FILE_INFORMATION found;
    memset(file, 0, sizeof *file);
    if (!GetFileInformationByHandle(lkas__handle(fd), &found)) return lkas__failed();
    file->device = found.dwVolumeSerialNumber;
    file->inode = (uint64_t)found.nFileIndexHigh << 32 | found.nFileIndexLow;
    file->bytes = (int64_t)((uint64_t)found.nFileSizeHigh << 32 | found.nFileSizeLow);
    file->is_regular = !(found.dwFileAttributes & (FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_REPARSE_POINT));
    file->is_own = 1;
    return 0;
}

static inline int lkas__describe_path(const char *path, lkas__file *file) {
    const int fd = lkas__open_file(path, LKAS__READ);
    if (fd < 0) return -1;
    const int result = lkas__describe(fd, file);
    lkas__close_file(fd);
    return result;
}

static inline int lkas__remove(const char *path) { return DeleteFileA(path) ? 0 : lkas__failed(); }

static inline int lkas__rename(const char *from, const char *to) {
    return MoveFileExA(from, to, MOVEFILE_REPLACE_EXISTING) ? 0 : lkas__failed();
}

static inline int lkas__rename_if_free(const char *from, const char *to) {
    return MoveFileExA(from, to, 0) ? 0 : lkas__failed();
}

static inline int lkas__set_size(int fd, uint64_t bytes) { return (int)_chsize_s(fd, (int64_t)bytes); }

static inline int lkas__allocate(int fd, uint64_t start, uint64_t bytes) {
    lkas__file file;
    if (lkas__describe(fd, &file)) return errno;
    return (uint64_t)file.bytes >= start + bytes ? 0 : lkas__set_size(fd, start + bytes); /* a size has its blocks */
}

static inline uint64_t lkas__free_bytes(int fd) {
    char path[MAX_PATH];
    ULARGE_INTEGER available;
    const DWORD length = GetFinalPathNameByHandleA(lkas__handle(fd), path, sizeof path, 0);
    char *end = length && length < sizeof path ? strrchr(path, '\\') : NULL;
    if (!end) return 0;
    end[1] = 0;
    return GetDiskFreeSpaceExA(path, &available, NULL, NULL) ? (uint64_t)available.QuadPart : 0;
}

/* Closing a file gives its locks up, so length 0 ("all of them", only asked before closing) is nothing to do. */
static inline int lkas__set_lock(int fd, short type, int64_t start, int64_t length) {
    OVERLAPPED place;
    memset(&place, 0, sizeof place);
    place.Offset = (DWORD)start;
    place.OffsetHigh = LKAS__LOCKS_HIGH;
    if (length == 0) return 0;
    if (type == F_UNLCK) return UnlockFileEx(lkas__handle(fd), 0, (DWORD)length, 0, &place) ? 0 : lkas__failed();
    const DWORD flags = (type == F_WRLCK ? LOCKFILE_EXCLUSIVE_LOCK : 0) | LOCKFILE_FAIL_IMMEDIATELY;
    return LockFileEx(lkas__handle(fd), flags, 0, (DWORD)length, 0, &place) ? 0 : lkas__failed();
}

/* First byte in [start, start + length) that is locked, or -1. There is no asking: it is locked for a moment. */
static inline int64_t lkas__first_locked(int fd, int64_t start, int64_t length) {
    for (int64_t byte = start; byte < start + length; ++byte) {
        if (lkas__set_lock(fd, F_WRLCK, byte, 1)) return byte;
        lkas__set_lock(fd, F_UNLCK, byte, 1);
    }
    return -1;
}

/* NULL: failed, see errno. Writable at first wherever the file is, because a part of it may be made so later. */
static inline void *lkas__map_file(int fd, size_t bytes, int is_writable) {
    HANDLE mapping = CreateFileMappingA(lkas__handle(fd), NULL, PAGE_READWRITE, 0, 0, NULL);
    DWORD access = FILE_MAP_READ | FILE_MAP_WRITE, before;
    if (!mapping) {
        mapping = CreateFileMappingA(lkas__handle(fd), NULL, PAGE_READONLY, 0, 0, NULL);
        access = FILE_MAP_READ;
    }
    void *view = mapping ? MapViewOfFile(mapping, access, 0, 0, bytes) : NULL;
    if (!view) lkas__failed();
    if (mapping) CloseHandle(mapping); /* the view keeps it */
    if (view && !is_writable) VirtualProtect(view, bytes, PAGE_READONLY, &before);
    return view;
}

static inline int lkas__make_writable(void *start, size_t bytes) {
    DWORD before;
    return VirtualProtect(start, bytes, PAGE_READWRITE, &before) ? 0 : lkas__failed();
}

static inline void lkas__unmap(void *mapping, size_t bytes) {
    (void)bytes;
    UnmapViewOfFile(mapping);
}

#else

/* ------------------------------------------------------------------ POSIX */

#ifndef F_OFD_SETLK /* hidden when a system header came first without _GNU_SOURCE */
#ifdef __APPLE__
#define F_OFD_SETLK 90
#define F_OFD_GETLK 92
#else
#define F_OFD_GETLK 36
#define F_OFD_SETLK 37
#endif
#endif

static inline int64_t lkas__clock_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static inline int64_t lkas_now_ns(void) { return lkas__clock_ns(CLOCK_MONOTONIC); }

/* A few milliseconds late, for a fraction of the price: good enough to notice silence. */
static inline int64_t lkas__coarse_now_ns(void) {
#ifdef CLOCK_MONOTONIC_COARSE
    return lkas__clock_ns(CLOCK_MONOTONIC_COARSE);
#else
    return lkas__clock_ns(CLOCK_MONOTONIC);
#endif
}

static inline void lkas__sleep_ns(int64_t duration_ns) {
    struct timespec duration = {(time_t)(duration_ns / 1000000000), (long)(duration_ns % 1000000000)};
    nanosleep(&duration, NULL);
}

static inline uint32_t lkas__process(void) { return (uint32_t)getpid(); }

static inline uint32_t lkas__user(void) { return (uint32_t)getuid(); }

static inline const char *lkas__default_directory(void) {
#ifdef __linux__
    return "/dev/shm";
#else
    return "/tmp";
#endif
}

/* Random per boot, from the kernel; zeros where it does not say. */
static inline void lkas__boot_id(uint8_t id[16]) {
    char text[64] = {0};
    int digits = 0;
    memset(id, 0, 16);
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    if (read(fd, text, sizeof text - 1) < 0) text[0] = 0;
    close(fd);
    for (const char *c = text; *c && digits < 32; ++c) {
        int digit = *c >= '0' && *c <= '9' ? *c - '0' : *c >= 'a' && *c <= 'f' ? *c - 'a' + 10 : -1;
        if (digit < 0) continue;
        id[digits / 2] = (uint8_t)(id[digits / 2] << 4 | digit);
        ++digits;
    }
}

/* In the child, from now on: 1 when that was arranged, for the caller to remember. */
static inline int lkas__call_after_fork(void (*function)(void)) { return pthread_atfork(NULL, NULL, function) == 0; }

static inline int lkas__open_file(const char *path, int mode) {
    static const int flags[] = {O_RDONLY, O_RDWR, O_RDWR | O_CREAT | O_EXCL};
    return open(path, flags[mode] | O_CLOEXEC | O_NOFOLLOW, 0600);
}

static inline int lkas__close_file(int fd) { return close(fd); }

static inline void lkas__fill_file(lkas__file *file, const struct stat *status) {
    memset(file, 0, sizeof *file);
    file->device = (uint64_t)status->st_dev;
    file->inode = (uint64_t)status->st_ino;
    file->bytes = (int64_t)status->st_size;
    file->is_regular = S_ISREG(status->st_mode);
    file->owner = (uint32_t)status->st_uid;
    file->is_own = status->st_uid == geteuid();
}

static inline int lkas__describe(int fd, lkas__file *file) {
    struct stat status;
    if (fstat(fd, &status)) return -1;
    lkas__fill_file(file, &status);
    return 0;
}

static inline int lkas__describe_path(const char *path, lkas__file *file) {
    struct stat status;
    if (lstat(path, &status)) return -1;
    lkas__fill_file(file, &status);
    return 0;
}

static inline int lkas__remove(const char *path) { return unlink(path); }

static inline int lkas__rename(const char *from, const char *to) { return rename(from, to); }

/* Fails with EEXIST when the name is taken. */
static inline int lkas__rename_if_free(const char *from, const char *to) {
#ifdef __linux__
    if (syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 1 /* RENAME_NOREPLACE */) == 0) return 0;
    if (errno != EINVAL && errno != ENOSYS) return -1; /* else: a file system without that flag */
#endif
    if (link(from, to)) return -1;
    unlink(from);
    return 0;
}

/* 0, or an errno. */
static inline int lkas__set_size(int fd, uint64_t bytes) { return ftruncate(fd, (off_t)bytes) ? errno : 0; }

/* Blocks now or never, for bytes that hold nothing yet: a hole in a full /dev/shm would be a SIGBUS at the first write.
 * The file grows where it is shorter. 0, or an errno. */
static inline int lkas__allocate(int fd, uint64_t start, uint64_t bytes) {
#ifdef __APPLE__
    static const char zeros[1 << 16];
    while (bytes > 0) {
        const ssize_t done = pwrite(fd, zeros, bytes < sizeof zeros ? (size_t)bytes : sizeof zeros, (off_t)start);
        if (done < 0 && errno != EINTR) return errno;
        if (done > 0) start += (uint64_t)done, bytes -= (uint64_t)done;
    }
    return 0;
#else
    int result;
    do result = posix_fallocate(fd, (off_t)start, (off_t)bytes);
    while (result == EINTR);
    return result;
#endif
}

static inline uint64_t lkas__free_bytes(int fd) {
    struct statvfs room;
    return fstatvfs(fd, &room) ? 0 : (uint64_t)room.f_bavail * room.f_frsize;
}

static inline struct flock lkas__lock_of(short type, int64_t start, int64_t length) {
    struct flock lock;
    memset(&lock, 0, sizeof lock); /* l_pid must be 0 */
    lock.l_type = type;
    lock.l_whence = SEEK_SET;
    lock.l_start = (off_t)start;
    lock.l_len = (off_t)length;
    return lock;
}

static inline int lkas__set_lock(int fd, short type, int64_t start, int64_t length) {
    struct flock lock = lkas__lock_of(type, start, length);
    return fcntl(fd, F_OFD_SETLK, &lock);
}

/* First byte in [start, start + length) that somebody else has locked, or -1. Looks only, never disturbs. */
static inline int64_t lkas__first_locked(int fd, int64_t start, int64_t length) {
    struct flock lock = lkas__lock_of(F_WRLCK, start, length);
    if (fcntl(fd, F_OFD_GETLK, &lock) || lock.l_type == F_UNLCK) return -1;
    return lock.l_start < start ? start : (int64_t)lock.l_start;
}

/* Map the file of a locked descriptor through a description of its own: a mapping keeps its description, and with it
 * the lock, alive in the child of a fork, even when the child has closed the descriptor. NULL: failed, see errno. */
static inline void *lkas__map_file(int fd, size_t bytes, int is_writable) {
#ifdef __APPLE__
    char self[1024];
    if (fcntl(fd, F_GETPATH, self)) return NULL;
#else
    char self[64];
    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
#endif
    int unlocked = open(self, (fcntl(fd, F_GETFL) & O_ACCMODE) | O_CLOEXEC);
    if (unlocked < 0) return NULL;
    void *mapping = mmap(NULL, bytes, is_writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, unlocked, 0);
    const int map_errno = errno;
    close(unlocked);
    errno = map_errno;
    return mapping == MAP_FAILED ? NULL : mapping;
}

static inline int lkas__make_writable(void *start, size_t bytes) {
    return mprotect(start, bytes, PROT_READ | PROT_WRITE);
}

static inline void lkas__unmap(void *mapping, size_t bytes) { munmap(mapping, bytes); }

#endif

/* ------------------------------------------------------------------ sleeping until a word changes */

#ifdef __linux__

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449 /* the same number on every architecture; Linux 5.16 */
#endif

static inline void lkas__futex_wake(LKAS_ATOMIC(uint32_t) * word) {
    syscall(SYS_futex, word, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

static inline void lkas__futex_wait(LKAS_ATOMIC(uint32_t) * word, uint32_t value, int64_t duration_ns) {
    struct timespec duration = {(time_t)(duration_ns / 1000000000), (long)(duration_ns % 1000000000)};
    syscall(SYS_futex, word, FUTEX_WAIT, value, &duration, NULL, 0);
}

static inline void lkas__futex_wait_any(lkas__waitv *waiters, int count, int64_t duration_ns) {
    const int64_t until_ns = lkas_now_ns() + duration_ns;
    struct timespec until = {(time_t)(until_ns / 1000000000), (long)(until_ns % 1000000000)};
    if (syscall(SYS_futex_waitv, waiters, count, 0, &until, CLOCK_MONOTONIC) < 0 && errno == ENOSYS)
        lkas__sleep_ns(duration_ns < LKAS__BOUNDED_SLEEP_NS ? duration_ns : LKAS__BOUNDED_SLEEP_NS); /* before 5.16 */
}

#else

static inline void lkas__futex_wake(LKAS_ATOMIC(uint32_t) * word) { (void)word; }

static inline void lkas__futex_wait(LKAS_ATOMIC(uint32_t) * word, uint32_t value, int64_t duration_ns) {
    if (lkas__load(word, acquire) == value)
        lkas__sleep_ns(duration_ns < LKAS__BOUNDED_SLEEP_NS ? duration_ns : LKAS__BOUNDED_SLEEP_NS);
}

static inline void lkas__futex_wait_any(lkas__waitv *waiters, int count, int64_t duration_ns) {
    (void)waiters, (void)count;
    lkas__sleep_ns(duration_ns < LKAS__BOUNDED_SLEEP_NS ? duration_ns : LKAS__BOUNDED_SLEEP_NS);
}

#endif

#endif /* LKAS_SYSTEM_H */
