"""The ground of every program: processes and their supervisor, instances, exit codes, threads and logs."""
