#!/usr/bin/env bash
# Compiles the channels' C core with every compiler that is here, as C11 and C++17, warnings being errors; with MinGW
# for Windows where that is installed. With a folder as argument the programs are left there.
set -euo pipefail
cd "$(dirname "$0")/.."
source=tests/integration/shared_memory/program.c
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
}
case "$(uname -s)" in
    Linux | Darwin)
        build cc "-std=c11 -pthread" program
        build c++ "-std=c++17 -pthread -x c++" program-c++
        build x86_64-w64-mingw32-gcc "-std=c11" program.exe
        build x86_64-w64-mingw32-g++ "-std=c++17 -x c++" program-c++.exe
        ;;
    *) # Windows' own MinGW
        build gcc "-std=c11" program.exe
        build g++ "-std=c++17 -x c++" program-c++.exe
        ;;
esac
[ "$built" -gt 0 ] || echo "lkas_channel.h: no C compiler here"
