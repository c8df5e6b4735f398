/* Measure a bare wake-up between two processes on this machine: the lower bound of `lkas bench ipc`.
 *
 *   ipc_floor COUNT IDLE_NS     prints COUNT one-way times in ns, one per line
 *
 * The child sleeps in a futex on shared memory; the parent idles, takes the time, wakes it. The child says how long it
 * took until it ran. The two are pinned to the first two CPUs they may use.
 */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef struct shared {
    _Atomic(uint32_t) turn;
    _Atomic(uint32_t) seen;
    int64_t sent_ns;
} shared;

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void pin_to(int wanted) {
    cpu_set_t allowed, one;
    sched_getaffinity(0, sizeof allowed, &allowed);
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
        if (CPU_ISSET(cpu, &allowed) && wanted-- == 0) {
            CPU_ZERO(&one);
            CPU_SET(cpu, &one);
            sched_setaffinity(0, sizeof one, &one);
        }
}

static void sleep_through(shared *word, uint32_t count) {
    pin_to(1);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (uint32_t turn = 0; turn < count; ++turn) {
        while (atomic_load(&word->turn) == turn) syscall(SYS_futex, &word->turn, FUTEX_WAIT, turn, NULL, NULL, 0);
        printf("%lld\n", (long long)(now_ns() - word->sent_ns));
        atomic_store(&word->seen, turn + 1);
    }
    fflush(stdout);
    _exit(0);
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    const uint32_t count = (uint32_t)atol(argv[1]);
    const struct timespec idle = {0, atol(argv[2])};
    shared *word = mmap(NULL, sizeof *word, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (word == MAP_FAILED) return 1;
    const pid_t child = fork();
    if (child < 0) return 1;
    if (child == 0) sleep_through(word, count);
    pin_to(0);
    for (uint32_t turn = 0; turn < count; ++turn) {
        nanosleep(&idle, NULL);
        word->sent_ns = now_ns();
        atomic_store(&word->turn, turn + 1);
        syscall(SYS_futex, &word->turn, FUTEX_WAKE, 1, NULL, NULL, 0);
        while (atomic_load(&word->seen) != turn + 1) nanosleep(&(struct timespec){0, 100000}, NULL);
    }
    int status;
    return waitpid(child, &status, 0) == child && status == 0 ? 0 : 1;
}
