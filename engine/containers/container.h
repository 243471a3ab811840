// One container: a folder with its bundle, its log and its end, conmon as its monitor, runc to make
// it. All of it is found again by name after a restart.
//
//   DIR/bundle/config.json    its configuration
//   DIR/root                  its root file system (mounted)
//   /run/kiban/TASK/NUMBER    the same, of a container with a user namespace
//   DIR/../layer/NUMBER       its writable layer
//   DIR/log                   conmon's k8s-file
//   DIR/monitor               conmon's process id
//   DIR/started               it was released to run its command
//   DIR/exits/ID              exit code, when it has ended
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "containers/cgroup.h"
#include "containers/image.h"
#include "containers/log_file.h"
#include "containers/program.h"
#include "containers/runtime_config.h"

namespace kiban::containers {

struct Tools {
  std::string runc{};
  std::string conmon{};
  std::string state{};     // runc's --root.
  std::string init{};      // tini-static; empty: none.
  json::object seccomp{};  // Of seccomp.h.
};

// The control group of a task, by its id.
std::string group_of_task(const std::string& id);

class Container {
 public:
  // `id` is the task's, a dash and a number.
  Container(const Tools& tools, json::object plan, std::string id, std::string directory);
  ~Container();
  Container(Container&& other) noexcept;
  Container(const Container&) = delete;
  Container& operator=(const Container&) = delete;
  Container& operator=(Container&&) = delete;

  const std::string& id() const { return id_; }
  const std::string& directory() const { return directory_; }
  const json::object& plan() const { return plan_; }
  std::string name() const;
  bool essential() const;
  std::chrono::seconds stop_timeout() const;

  // Whether an earlier run of the engine released it.
  bool was_started() const;
  // Makes the container, stopped before its first instruction. `surroundings` without root, passwd,
  // group and cgroup, which it fills in.
  Result<void> create(const Image& image, Surroundings surroundings);
  // The first half of create(): its root and its bundle, for who runs it with runc alone. Returns
  // the host's id of its user, who has to own its output.
  Result<std::uint32_t> prepare(const Image& image, Surroundings surroundings);
  Result<void> start();
  // Takes up one that was started: running or ended meanwhile. False: it ended before its first
  // instruction, so it is to be created anew.
  Result<bool> adopt();

  // Ready to read when conmon has ended, so log and exit code are complete; -1 when it has.
  int monitor() const { return monitor_; }
  // To be asked when monitor() is ready or -1.
  void settle();
  std::optional<int> exit_code() const { return exit_code_; }
  const std::string& reason() const { return reason_; }
  Usage usage() const { return read_usage(group()); }

  // Asks it to end by its stop signal, or makes it.
  void ask_to_end() const;
  void kill() const;
  // Runs a command in it, with its user, environment and folder.
  Result<Child> execute(const std::vector<std::string>& command) const;
  // The next lines; empty when there are none at the moment.
  std::vector<LogLine> read_log(bool ended);
  std::uint64_t log_resume() const { return log_.resume(); }
  std::uint64_t log_backlog() const;  // Bytes that read_log() has not seen yet.
  // Leaves out all but the last `bytes_kept` of the backlog.
  void skip_log(std::uint64_t bytes_kept);
  // What lies before `end` was reported: notes that, and gives its disk space back.
  void release_log(std::uint64_t end) const;
  // Stops or continues conmon. While it is stopped, the container's writes block once the pipe is
  // full.
  void hold_output(bool held) const;
  // Ends and removes all of it except for the folder.
  void remove();

 private:
  std::string mapped_root() const;
  Result<void> make_layer() const;
  Result<void> make_mapped_root(std::uint32_t first_id) const;
  Result<void> mount_root(const std::string& image_root, const Surroundings& surroundings) const;
  Result<void> run_conmon();
  void give_output(std::uint32_t user) const;
  Result<void> open_monitor();
  std::string group() const;
  std::string layer() const;
  std::string pipe() const;
  bool waits_for_release() const;
  void bound_log(std::uint64_t end) const;
  void signal(const std::string& name) const;

  const Tools& tools_;
  json::object plan_;
  std::string id_;
  std::string directory_;
  std::string stop_signal_{"SIGTERM"};
  int monitor_{-1};
  int monitor_pid_{0};
  int log_descriptor_{-1};
  LogParser log_{};
  std::optional<int> exit_code_{};
  std::string reason_{};
};

}  // namespace kiban::containers
