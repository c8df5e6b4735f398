/* lkas_windows.h: what lkas_system.h offers, by the means of Windows (MinGW or clang).
 *
 * Two lookups differ from Linux: looking for a lock takes it for a moment, and a segment can be removed or replaced only
 * while no other process has it mapped. Included by lkas_system.h. */
#ifndef LKAS_WINDOWS_H
#define LKAS_WINDOWS_H

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
    return (uint64_t)file.bytes >= start + bytes ? 0 : lkas__set_size(fd, start + bytes); /* setting the size allocates the blocks */
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

/* Closing a file releases its locks, so length 0 (all of them, only used before closing) needs no call. */
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

/* First byte in [start, start + length) that is locked, or -1. Windows cannot be asked: each byte is locked for a moment. */
static inline int64_t lkas__first_locked(int fd, int64_t start, int64_t length) {
    for (int64_t byte = start; byte < start + length; ++byte) {
        if (lkas__set_lock(fd, F_WRLCK, byte, 1)) return byte;
        lkas__set_lock(fd, F_UNLCK, byte, 1);
    }
    return -1;
}

/* NULL: failed, see errno. Mapped writable where the file allows it, because a part may be made writable later. */
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

/* A mapped file cannot be cut short here. */
static inline int lkas__map_zeros(void *start, size_t bytes) { return -1; }
static inline void lkas__survive_faults(int (*lose)(const char *address)) { (void)lose; }

/* The first bytes of a file, without mapping it: how many were read. */
static inline int64_t lkas__read_start(int fd, void *to, size_t bytes) {
    return _lseeki64(fd, 0, SEEK_SET) ? -1 : (int64_t)_read(fd, to, (unsigned)bytes);
}

static inline void lkas__unmap(void *mapping, size_t bytes) {
    (void)bytes;
    UnmapViewOfFile(mapping);
}

#endif /* LKAS_WINDOWS_H */
