#!/usr/bin/env bash
# Compiles the channels' C core with every compiler that is here, as C11 and C++17, and that of the sockets as C11,
# warnings being errors; with MinGW for Windows where that is installed. The perception core of the examples, which has
# all POSIX headers, as C11 and C++17. With a folder as argument the programs are left there.
set -euo pipefail
cd "$(dirname "$0")/.."
source=tests/lkas/integration/shared_memory/program.c
folder=${1:-$(mktemp -d)}
[ $# -gt 0 ] || trap 'rm -r "$folder"' EXIT
mkdir -p "$folder"
warnings="-Wall -Wextra -Werror -O2"

built=0
build() { # compiler, language options, program
    command -v "$1" >/dev/null || return 0
    # shellcheck disable=SC2086
    "$1" $2 $warnings -I lkas/include -o "$folder/$3" "$source"
    echo "lkas_channel.h: $1 $2"
    built=$((built + 1))
    case "$2" in *c++*) return 0 ;; esac
    # shellcheck disable=SC2086
    echo '#include <lkas_ring.h>' | "$1" $2 $warnings -I lkas/include -fsyntax-only -x c -
    echo "lkas_ring.h: $1 $2"
}
build_core() { # compiler, language options
    command -v "$1" >/dev/null || return 0
    # shellcheck disable=SC2086
    "$1" $2 $warnings -I lkas/include -o "$folder/perception" examples/c/perception.c -lm
    echo "lkas_publisher.h: $1 $2"
}
case "$(uname -s)" in
    Linux | Darwin)
        build cc "-std=c11 -pthread" program
        build c++ "-std=c++17 -pthread -x c++" program-c++
        build_core cc "-std=c11 -pthread"
        build_core c++ "-std=c++17 -pthread -x c++"
        build x86_64-w64-mingw32-gcc "-std=c11" program.exe
        build x86_64-w64-mingw32-g++ "-std=c++17 -x c++" program-c++.exe
        ;;
    *) # Windows' own MinGW
        build gcc "-std=c11" program.exe
        build g++ "-std=c++17 -x c++" program-c++.exe
        ;;
esac
[ "$built" -gt 0 ] || echo "lkas_channel.h: no C compiler here"
