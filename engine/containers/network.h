// The bridge `kiban0`, on which the engine has an address, and a network namespace for each task.
//
// A task's address is its only one: everything it sends goes by way of the bridge's address, and
// this host knows one route to it. Beyond the bridge only tasks with a way out get, under this
// host's address (nftables, table `kiban`), and nothing comes in from there that they did not ask
// for. While there are such tasks the host forwards on the interfaces of its default routes; what
// it did not forward before stays unforwarded.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "core/result.h"

namespace kiban::containers {

// Where a task finds the engine; AWS serves task credentials there.
// docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
constexpr std::string_view bridge_address = "169.254.170.2";

// What a task's /etc/resolv.conf says: the host's, without name servers that only the host reaches;
// `upstream` (systemd-resolved's own list) where no other is left.
std::string name_servers(const std::string& resolv_conf, const std::string& upstream);
// The same out of this host's files; without a name server names can't be resolved in tasks.
std::string name_servers_here();

enum class WayOut { No, Yes };

class Bridge {
 public:
  // Makes the bridge, or takes over one that a kiban that has ended left behind. Errors:
  // `BridgeTaken` when the other is alive, `ProgramFailed`.
  static Result<std::unique_ptr<Bridge>> create();
  // Removes the bridge unless somebody owns it or tasks are on it.
  static void remove_unused();
  // For detach() only, beside whoever owns it.
  static std::unique_ptr<Bridge> borrow();
  ~Bridge();  // Leaves the bridge to the tasks that go on, or removes it when there are none.
  Bridge(const Bridge&) = delete;
  Bridge& operator=(const Bridge&) = delete;

  // A namespace of its own for `task` (32 hexadecimal digits); there already: as it is. Returns its
  // path, for setns.
  Result<std::string> attach(const std::string& task, const std::string& address, WayOut way_out);
  // Cuts it off, at once: its address may be another's from then on.
  void silence(const std::string& task) const;
  // Takes its way out from it, before its address may be another's.
  void shut_in(const std::string& address) const;
  // Undoes attach(), whatever of it is there; the route to `address` too unless that is empty.
  void detach(const std::string& task, const std::string& address);

 private:
  Bridge(std::string ip, int lock);
  Result<void> set_up_guard();
  Result<void> let_out(const std::string& address) const;
  void remove() const;

  std::string ip_;   // Paths of the programs.
  std::string nft_;  // Empty: no task gets out, or is kept from it.
  int lock_;
  std::mutex mutex_{};
  bool guarded_{false};
};

}  // namespace kiban::containers
