/* lkas_futex.h: sleep until a 32-bit word changes. Where there is no futex, sleep at most LKAS__BOUNDED_SLEEP_NS.
 *
 * Included by lkas_system.h. */
#ifndef LKAS_FUTEX_H
#define LKAS_FUTEX_H

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

#endif /* LKAS_FUTEX_H */
