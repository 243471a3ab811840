// Other programs of this host: found, started, waited for.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "core/result.h"
#include "runtime/child.h"

namespace kiban::containers {

// An absolute path from $PATH or the system's own folders; empty when it is not there.
std::string find_program(const std::string& name);

// Runs `arguments` with `input` on standard input, waits for the end and returns what the program
// printed. Error `ProgramFailed` with the end of the output when the program can't be started, ends
// with another code than 0, or still runs after `time_max` and is killed.
Result<std::string> run_program(const std::vector<std::string>& arguments,
                                const std::string& input = {},
                                std::chrono::seconds time_max = runtime::program_time_max);

// For programs that copy or unpack an image.
constexpr std::chrono::minutes copy_time_max{15};

// A program that runs beside us; its end is noticed, its output dropped. The destructor kills it.
class Child {
 public:
  static Result<Child> start(const std::vector<std::string>& arguments);
  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) noexcept;
  ~Child();
  int descriptor() const { return descriptor_; }  // Ready to read when it has ended.
  // As in a shell; nullopt while it runs.
  std::optional<int> exit_code();

 private:
  Child(int pid, int descriptor) : pid_(pid), descriptor_(descriptor) {}
  int pid_;
  int descriptor_;
};

// Starts `arguments` in a session of its own, in `directory`, with nothing on its standard streams,
// and descriptor 3 as the write end of a pipe named by the variable `pipe_variable`. Waits for the
// program itself (a monitor that forks away) but not for its children. A write of it beyond
// RLIMIT_FSIZE is an error, not a signal. Returns the text written to the pipe up to its first line
// end.
Result<std::string> start_monitor(const std::vector<std::string>& arguments,
                                  const std::string& directory, const std::string& pipe_variable);

}  // namespace kiban::containers
