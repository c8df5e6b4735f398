/* lkas_posix.h: what lkas_system.h offers, by the means of Linux and macOS. Included by lkas_system.h. */
#ifndef LKAS_POSIX_H
#define LKAS_POSIX_H

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

/* A few milliseconds late and much cheaper: good enough to notice silence. */
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

/* Random per boot, from the kernel; zeros where there is none. */
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

/* Call `function` in the child after each fork: 1, or 0 when it cannot be registered. */
static inline int lkas__call_after_fork(void (*function)(void)) { return pthread_atfork(NULL, NULL, function) == 0; }

/* In a program without standard streams, messages of libraries on descriptors 1 and 2 would overwrite a segment. */
static inline int lkas__beyond_streams(int fd) {
    if (fd < 0 || fd > STDERR_FILENO) return fd;
    const int higher = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1), problem = errno;
    close(fd);
    errno = problem;
    return higher;
}

static inline int lkas__open_file(const char *path, int mode) {
    static const int flags[] = {O_RDONLY, O_RDWR, O_RDWR | O_CREAT | O_EXCL};
    return lkas__beyond_streams(open(path, flags[mode] | O_CLOEXEC | O_NOFOLLOW, 0600));
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

/* Allocate the blocks of bytes that hold no data yet: a hole in a full /dev/shm would be a SIGBUS at the first write.
 * Extends a shorter file. 0, or an errno. */
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

/* First byte in [start, start + length) that another owner has locked, or -1. Takes no lock itself. */
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

/* Replace a mapping whose file was cut short by zeros of its own. Called by a signal handler. */
static inline int lkas__map_zeros(void *start, size_t bytes) {
#ifdef __APPLE__
    const int flags = MAP_FIXED | MAP_PRIVATE | MAP_ANON;
#else
    const int flags = MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
#endif
    return mmap(start, bytes, PROT_READ | PROT_WRITE, flags, -1, 0) == MAP_FAILED ? -1 : 0;
}

static struct sigaction lkas__earlier_handler;
static int (*lkas__lose)(const char *address); /* 1: the address lies in a segment, which can be read again */

static inline void lkas__on_fault(int number, siginfo_t *info, void *context) {
    const int kept_errno = errno;
    if (info->si_code > 0 && lkas__lose((const char *)info->si_addr)) {
        errno = kept_errno;
        return;
    }
    errno = kept_errno;
    if (lkas__earlier_handler.sa_flags & SA_SIGINFO) {
        lkas__earlier_handler.sa_sigaction(number, info, context);
    } else if (lkas__earlier_handler.sa_handler == SIG_DFL || lkas__earlier_handler.sa_handler == SIG_IGN) {
        signal(number, SIG_DFL); /* not ours: the instruction runs again and ends the process */
        if (info->si_code <= 0) raise(number);
    } else {
        lkas__earlier_handler.sa_handler(number);
    }
}

/* From now on, a fault in a mapped file that was cut short is passed to `lose` and not the end of the process. */
static inline void lkas__survive_faults(int (*lose)(const char *address)) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    lkas__lose = lose;
    action.sa_sigaction = lkas__on_fault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    sigaction(SIGBUS, &action, &lkas__earlier_handler);
}

/* The first bytes of a file, without mapping it: how many were read. */
static inline int64_t lkas__read_start(int fd, void *to, size_t bytes) { return (int64_t)pread(fd, to, bytes, 0); }

static inline void lkas__unmap(void *mapping, size_t bytes) { munmap(mapping, bytes); }

#endif /* LKAS_POSIX_H */
