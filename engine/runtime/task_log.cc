#include "runtime/task_log.h"

#include <fcntl.h>

#include <algorithm>
#include <fstream>
#include <system_error>

#include "runtime/child.h"

namespace kiban::runtime {

std::vector<WrittenLine> read_lines(const std::filesystem::path& log, std::uint64_t& offset,
                                    std::size_t bytes_max, Written written) {
  std::ifstream in{log, std::ios::binary};
  in.seekg(static_cast<std::streamoff>(offset));
  std::string piece(bytes_max + log_line_bytes_max, '\0');
  in.read(piece.data(), static_cast<std::streamsize>(piece.size()));
  piece.resize(static_cast<std::size_t>(std::max<std::streamsize>(in.gcount(), 0)));
  std::vector<WrittenLine> lines;
  std::size_t bytes = 0;
  for (std::size_t at = 0; at < piece.size() && bytes < bytes_max;) {
    const std::size_t end = piece.find('\n', at);
    std::size_t length = (end == std::string::npos ? piece.size() : end) - at;
    if (end == std::string::npos && written == Written::More && length < log_line_bytes_max) break;
    const bool whole = end != std::string::npos && length <= log_line_bytes_max;
    length = std::min(length, log_line_bytes_max);
    const std::size_t taken = length + (whole ? 1 : 0);
    offset += taken;
    if (length > 0) lines.push_back({.text = piece.substr(at, length), .end = offset});
    bytes += length + log_line_overhead;
    at += taken;
  }
  return lines;
}

void release_log(const std::filesystem::path& directory, std::uint64_t end) {
  const std::filesystem::path offset = directory / "offset";
  const std::filesystem::path fresh = directory / "offset.new";
  std::ofstream{fresh, std::ios::binary} << end;
  std::error_code failed;
  std::filesystem::rename(fresh, offset, failed);
  const Descriptor file{::open((directory / "log").c_str(), O_WRONLY | O_CLOEXEC)};
  // A file system without holes keeps the whole log until the task ends.
  if (!failed && file.number() >= 0)
    (void)::fallocate(file.number(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
                      static_cast<off_t>(end));
}

}  // namespace kiban::runtime
