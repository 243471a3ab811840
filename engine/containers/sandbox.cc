#include "containers/sandbox.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>

#include "containers/cgroup.h"
#include "containers/container.h"
#include "containers/files.h"

namespace kiban::containers {
namespace {

namespace fs = std::filesystem;

std::uint32_t digits(const std::string& text) {  // 0 when there are none.
  return static_cast<std::uint32_t>(std::strtoul(text.c_str(), nullptr, 10));
}

std::unexpected<Error> network_failure(const Error& error) {
  return fail("ResourceInitializationError", "failed to set up the task's network: " + error.cause);
}

// An address of our own, for a task without a subnet or whose subnet is not served: the first that
// no task has out of 169.254.172.0/22, link-local like the bridge's own.
std::string take_address(Host& host, const std::string& task) {
  const std::lock_guard lock{host.mutex};
  for (int number = 1; number < 1023; ++number) {
    std::string address = fmt::format("169.254.{}.{}", 172 + number / 256, number % 256);
    if (host.addresses.emplace(address, task).second) return address;
  }
  return {};
}

// Whether the task had egress. An earlier version called the file "way_out".
bool remove_egress_mark(const std::string& directory) {
  std::error_code ignored;
  const bool marked = fs::remove(directory + "/egress", ignored);
  return fs::remove(directory + "/way_out", ignored) || marked;
}

std::string host_name(const std::string& address, const std::string& region) {
  std::string dashed = address;
  std::ranges::replace(dashed, '.', '-');
  return fmt::format("ip-{}.{}.compute.internal", dashed, region);
}

}  // namespace

// The one it had before a restart of the engine, or that of its network interface, or else one of
// ours: two subnets of different networks may hold the same address.
Result<void> Sandbox::choose_address() {
  const std::string before = read_file(directory_ + "/address");
  {
    const std::lock_guard lock{host_.mutex};
    for (const std::string& one : {before, options_.address})
      if (address_.empty() && !one.empty() && host_.addresses.emplace(one, id_).second)
        address_ = one;
  }
  if (address_.empty()) address_ = take_address(host_, id_);
  if (address_.empty())
    return fail("ResourceInitializationError", "every address of 169.254.172.0/22 is taken");
  return write_file(directory_ + "/address", address_);
}

// The range it had before a restart of the engine, or a new one where tasks have user namespaces. A
// task that an earlier version started has a network without one, and stays as it is.
Result<void> Sandbox::choose_ids() {
  const std::string before = read_file(directory_ + "/ids");
  if (!before.empty()) {
    first_id_ = digits(before);
    host_.ids.keep(*first_id_);
    return {};
  }
  if (!host_.user_namespaces_missing.get().empty()) return {};
  first_id_ = host_.ids.take(id_);
  if (!first_id_) return fail("ResourceInitializationError", "every range of user ids is taken");
  return write_file(directory_ + "/ids", std::to_string(*first_id_));
}

Result<void> Sandbox::give_to_root(const std::string& path) const {
  if (!surroundings_.user_namespace) return {};
  return give_to(path, surroundings_.user_namespace->first_id);
}

Result<void> Sandbox::open(SandboxOptions options) {
  options_ = std::move(options);
  KIBAN_TRY_VOID(choose_address());
  // The storage is made while the network is: the start of a task waits for both.
  auto stored = std::async(std::launch::async,
                           [this] { return host_.layers->open(directory_, options_.storage_mib); });
  const auto bounded = make_group(group_of_task(id_), options_.cpu, options_.memory_mib);
  if (!bounded)
    return fail("ResourceInitializationError",
                "failed to set the task's limits: " + bounded.error().cause);
  if (options_.egress == Egress::Allowed) KIBAN_TRY_VOID(write_file(directory_ + "/egress", ""));
  admitted_ = std::async(std::launch::async,
                         [this] { return host_.bridge->admit(id_, address_, options_.egress); });
  KIBAN_TRY_VOID(choose_ids());
  const bool own_namespace = host_.user_namespaces_missing.get().empty();
  const auto attached =
      host_.bridge->attach(id_, address_, own_namespace ? first_id_ : std::nullopt);
  if (!attached) return network_failure(attached.error());
  KIBAN_TRY_VOID(stored.get());
  surroundings_.network = *attached;
  surroundings_.hostname = host_name(address_, options_.region);
  if (auto owner = owner_of_network(*attached); owner && first_id_) {
    user_namespace_ = *std::move(owner);
    surroundings_.user_namespace = {
        .path = fmt::format("/proc/{}/fd/{}", ::getpid(), user_namespace_.number()),
        .first_id = *first_id_};
  }
  return make_network_files();
}

// /etc/hosts, /etc/resolv.conf and /etc/hostname of its containers.
Result<void> Sandbox::make_network_files() {
  Surroundings& surroundings = surroundings_;
  std::string hosts = fmt::format("127.0.0.1 localhost\n{} {}\n", address_, surroundings.hostname);
  for (const auto& [name, target] : options_.hosts) hosts += fmt::format("{} {}\n", target, name);
  const std::array<std::pair<const char*, std::string>, 3> files{
      {{"hosts", hosts},
       {"resolv.conf", name_servers_here()},
       {"hostname", surroundings.hostname + "\n"}}};
  for (const auto& [name, content] : files) {
    const std::string source = fmt::format("{}/layer/{}", directory_, name);
    std::error_code failed;
    // A container that is adopted holds the one of before, and may have filled the storage.
    if (!fs::exists(source)) {
      KIBAN_TRY_VOID(write_file(source, content));
      fs::permissions(source, fs::perms{0644}, failed);
      KIBAN_TRY_VOID(give_to_root(source));
    }
    surroundings.mounts.push_back({.source = source, .destination = fmt::format("/etc/{}", name)});
  }
  return {};
}

Result<void> Sandbox::wait_for_admission() {
  if (!admitted_.valid()) return {};
  if (const Result<void> admitted = admitted_.get(); !admitted)
    return network_failure(admitted.error());
  return {};
}

void Sandbox::close() {
  (void)wait_for_admission();  // Or it would admit what is gone.
  host_.bridge->disconnect(id_);
  if (remove_egress_mark(directory_)) host_.bridge->revoke_egress(address_);
  {
    const std::lock_guard lock{host_.mutex};
    host_.addresses.erase(address_);
  }
  if (first_id_) host_.ids.release(*std::exchange(first_id_, std::nullopt));
}

void remove_sandbox(Host& host, const std::string& directory) {
  std::error_code failed;
  const std::string id = fs::path(directory).filename().string();
  {
    const std::string address = read_file(directory + "/address");
    const std::lock_guard lock{host.mutex};  // Keeps other tasks from taking the address.
    if (remove_egress_mark(directory)) host.bridge->revoke_egress(address);
    host.bridge->detach(id, address,
                        host.addresses.contains(address) ? Route::Keep : Route::Remove);
  }
  for (const auto& entry : fs::directory_iterator{directory, failed}) {
    if (!entry.is_directory(failed) || entry.path().filename() == "layer") continue;
    for (int index = 0; index < 10; ++index) {
      Container left{host.tools, {}, fmt::format("{}-{}", id, index), entry.path().string()};
      left.remove();
    }
    fs::remove_all(entry.path(), failed);
  }
  close_layer(directory);
  remove_group(group_of_task(id));
  fs::remove_all(directory, failed);
}

}  // namespace kiban::containers
