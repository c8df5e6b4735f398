"""What every program of ours runs on: processes and their supervisor, instances, exit codes, threads and logs."""
