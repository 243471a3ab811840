#include "runtime/task_log.h"

#include <fcntl.h>

#include <fstream>
#include <system_error>

#include "runtime/child.h"

namespace kiban::runtime {

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
