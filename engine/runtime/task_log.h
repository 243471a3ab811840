// Log files that tasks and databases write and the engine reads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace kiban::runtime {

// One report of a task is on its way to the kernel at a time, so this bounds the cost of a task
// that writes without end: memory, and the time of the batch that takes the report. PutLogEvents
// takes 1 MiB.
constexpr std::size_t report_bytes_max = std::size_t{128} * 1024;
constexpr std::size_t log_line_overhead = 100;  // Of a short line in memory and in a batch.
// "Default value: 10m". The buffer is the unread part of the log file.
// docs.aws.amazon.com/AmazonECS/latest/APIReference/API_LogConfiguration.html (max-buffer-size)
constexpr std::uint64_t buffer_bytes_default = std::uint64_t{10} * 1024 * 1024;
// In blocking mode a writer is stopped at this backlog, until half is read.
constexpr std::uint64_t backlog_bytes_max = std::uint64_t{4} * 1024 * 1024;

// One event of CloudWatch Logs holds 256 KiB, of which 26 bytes are overhead.
// docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
constexpr std::size_t log_line_bytes_max = std::size_t{256} * 1024 - 26;

struct WrittenLine {
  std::string text{};
  std::uint64_t end{0};  // Where it ended in the file.
};

enum class Written { More, All };

// The lines of `log` from `offset` on, which moves behind them: about `bytes_max` bytes at most.
// Longer lines than one event takes are cut into several; empty ones are left out. A line without
// its end waits for the rest unless all is written.
std::vector<WrittenLine> read_lines(const std::filesystem::path& log, std::uint64_t& offset,
                                    std::size_t bytes_max, Written written);

// DIRECTORY/log was reported up to `end`: writes that to DIRECTORY/offset, then gives the disk
// space back. In this order, as the next run of the engine must not begin in a released range.
void release_log(const std::filesystem::path& directory, std::uint64_t end);

}  // namespace kiban::runtime
