// The bridge `kiban0`, on which the engine has an address, and a network namespace for each task.
//
// A task's address is its only one: everything it sends goes by way of the bridge's address, and
// this host knows one route to it. No address of the host's other networks is touched.
#pragma once

#include <memory>
#include <string>

#include "core/result.h"

namespace kiban::containers {

// Where a task finds the engine; AWS serves task credentials there.
// docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
constexpr std::string_view bridge_address = "169.254.170.2";

class Bridge {
 public:
  // Makes the bridge, or takes over one that a kiban that has ended left behind. Errors:
  // `BridgeTaken` when the other is alive, `ProgramFailed`.
  static Result<std::unique_ptr<Bridge>> create();
  // For detach() only, beside whoever owns it.
  static std::unique_ptr<Bridge> borrow();
  ~Bridge();  // Leaves the bridge to the tasks that go on.
  Bridge(const Bridge&) = delete;
  Bridge& operator=(const Bridge&) = delete;

  // A namespace of its own for `task` (32 hexadecimal digits); there already: as it is. Returns its
  // path, for setns.
  Result<std::string> attach(const std::string& task, const std::string& address);
  // Cuts it off, at once: its address may be another's from then on.
  void silence(const std::string& task) const;
  // Undoes attach(), whatever of it is there; the route to `address` too unless that is empty.
  void detach(const std::string& task, const std::string& address);

 private:
  Bridge(std::string ip, int lock) : ip_(std::move(ip)), lock_(lock) {}
  std::string ip_;  // Path of the program.
  int lock_;
};

}  // namespace kiban::containers
