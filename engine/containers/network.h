// The bridge `kiban0`, on which the engine has an address, and a network namespace for each task.
//
// A task's address is its only one: everything it sends goes by way of the bridge's address, and
// this host knows one route to it. The bridge is a boundary (nftables, tables `ip kiban` and
// `bridge kiban`): a task reaches this server's port and the databases on the bridge's address, and
// no other service of the host; nothing from other networks reaches the bridge's address or a task;
// a task cannot send under the address of another. Only tasks with egress get beyond the bridge,
// under this host's address. While there are such tasks the host forwards on the interfaces of its
// default routes; what it did not forward before stays unforwarded.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "core/result.h"
#include "runtime/child.h"

namespace kiban::containers {

// Where a task finds the engine; AWS serves task credentials there.
// docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
constexpr std::string_view bridge_address = "169.254.170.2";

// The content of a task's /etc/resolv.conf: the host's, without name servers that only the host
// reaches; `upstream` (systemd-resolved's own list) where none is left.
std::string name_servers(const std::string& resolv_conf, const std::string& upstream);
// The same out of this host's files; without a name server names can't be resolved in tasks.
std::string name_servers_here();

// A socket that listens on 127.0.0.1 of the network namespace in `network`. Error `ProgramFailed`.
Result<runtime::Descriptor> listen_inside(const std::string& network, std::uint16_t port);

enum class Egress { Denied, Allowed };
enum class Route { Keep, Remove };

class Bridge {
 public:
  // Makes the bridge and its rules, or takes over a bridge that a kiban that has ended left behind.
  // Tasks reach this server on `port`. Errors: `BridgeTaken` when the other kiban is alive,
  // `ProgramFailed`.
  static Result<std::unique_ptr<Bridge>> create(std::uint16_t port);
  // Removes the bridge unless a process owns it or tasks are on it.
  static void remove_unused();
  // For detach() only, beside the owner.
  static std::unique_ptr<Bridge> borrow();
  ~Bridge();  // Leaves the bridge to the tasks that go on, or removes it when there are none.
  Bridge(const Bridge&) = delete;
  Bridge& operator=(const Bridge&) = delete;

  // Makes a network namespace for `task` (32 hexadecimal digits) unless it exists. Returns its
  // path, for setns. What the task sends is dropped until admit(). With `first_id` a new user
  // namespace owns it (user_namespace.h), else that of this process.
  Result<std::string> attach(const std::string& task, const std::string& address,
                             std::optional<std::uint32_t> first_id);
  // Lets the bridge pass what the task sends under its address. May be repeated, and run beside
  // attach().
  Result<void> admit(const std::string& task, const std::string& address, Egress egress) const;
  // Takes the task's interface down at once: its address may be another's from then on.
  void disconnect(const std::string& task) const;
  // Ends the egress of `address`, before the address may be another task's.
  void revoke_egress(const std::string& address) const;
  // Undoes attach(), also an incomplete one. The route is kept when another task has the address.
  void detach(const std::string& task, const std::string& address, Route route);

 private:
  Bridge(std::string ip, int lock);
  Result<void> set_up_rules(std::uint16_t port) const;
  static std::string egress_rules(const std::string& address);
  void remove() const;

  std::string ip_;  // Paths of the programs.
  std::string nft_;
  int lock_;
};

}  // namespace kiban::containers
