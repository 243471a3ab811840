// The one way in which the engine starts another program.
//
// A child gets the descriptors it is given and no others (a server's listening socket must never
// stay open in a task that outlives the server), default signal dispositions and an empty signal
// mask.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/result.h"

namespace kiban::runtime {

// Owns a file descriptor; -1: none.
class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { close(); }
  int number() const { return number_; }
  void close();

 private:
  int number_;
};

struct Pipe {
  Descriptor read{};
  Descriptor write{};
};
// Both ends are closed in other children.
Result<Pipe> make_pipe();

enum class Session { Inherited, Own };
// How a write beyond RLIMIT_FSIZE fails in the child: by a signal that ends it, or by an error of
// the call (where the engine ignores SIGXFSZ, as `kiban serve` does).
enum class FileLimit { IsASignal, IsAnError };

struct ChildOptions {
  std::vector<std::string> arguments{};    // The first is a path, or a name to find by $PATH.
  std::vector<std::string> environment{};  // All of it, as NAME=VALUE.
  std::string directory{};                 // Empty: the engine's.
  int input{-1};                           // -1: /dev/null.
  int output{-1};                          // Both standard output and standard error.
  int fourth{-1};                          // Becomes descriptor 3; -1: closed.
  Session session{Session::Inherited};
  FileLimit file_limit{FileLimit::IsASignal};
};

// Error `ProgramFailed` when the program can't be started. The caller waits for the child.
Result<pid_t> spawn_child(const ChildOptions& options);

using Deadline = std::chrono::steady_clock::time_point;
// For programs that do a small thing and end.
constexpr std::chrono::seconds program_time_max{60};

// The status of waitpid(). A child that still runs at the deadline is killed: nothing is returned.
std::optional<int> wait_for_child(pid_t pid, std::optional<Deadline> deadline = std::nullopt);

// As a shell says it: 128 and the signal's number for a child that a signal ended.
int exit_code_of(int status);

// Writes `input` to the child and reads its output until it closes the pipe or the deadline
// passes. SIGPIPE is ignored by the engine.
std::string exchange_with_child(Pipe& in, Pipe& out, const std::string& input, Deadline deadline);

// Reads a child's output from a pipe up to the first line end, the close or the deadline.
std::string read_line_of_child(const Descriptor& from, Deadline deadline);

}  // namespace kiban::runtime
