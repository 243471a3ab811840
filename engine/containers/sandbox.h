// What the containers of one ECS task share, or of one environment of a Lambda function: a control
// group, storage, a network with an address, a range of user ids. All of it is named by an id and a
// folder and is found again after a restart of the engine.
#pragma once

#include <chrono>
#include <cstdint>
#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "containers/container.h"
#include "containers/image.h"
#include "containers/layer.h"
#include "containers/network.h"
#include "containers/user_namespace.h"
#include "core/result.h"
#include "runtime/child.h"

namespace kiban::containers {

// What all sandboxes share; outlives them.
struct Host {
  std::string directory{};  // Of the tasks' folders.
  std::string endpoint{};   // The engine's URL as tasks see it.
  Tools tools{};
  Images* images{nullptr};
  Layers* layers{nullptr};
  Bridge* bridge{nullptr};
  IdRanges ids{};
  // Whether tasks get user namespaces: what is missing for them. Known soon after the start.
  std::shared_future<std::string> user_namespaces_missing{};
  std::chrono::seconds usage_interval{60};
  std::mutex mutex{};
  std::map<std::string, std::string> addresses{};  // Of sandboxes that run, with their ids.
};

struct SandboxOptions {
  std::int64_t cpu{0};         // In units of 1/1024 processor; 0: no limit.
  std::int64_t memory_mib{0};  // 0: no limit.
  std::int64_t storage_mib{0};
  Egress egress{Egress::Denied};
  std::string address{};  // Wished for; empty or taken: one of 169.254.172.0/22.
  std::string region{};   // Part of the host name.
  std::vector<std::pair<std::string, std::string>> hosts{};  // Names with addresses.
};

class Sandbox {
 public:
  // `id` has 32 hexadecimal digits; `directory` exists.
  Sandbox(Host& host, std::string id, std::string directory)
      : host_(host), id_(std::move(id)), directory_(std::move(directory)) {}

  // Makes it, or takes up what an earlier run of the engine made. Error
  // `ResourceInitializationError`.
  Result<void> open(SandboxOptions options);
  // After open(): what a container of it is created with, to be completed.
  const Surroundings& surroundings() const { return surroundings_; }
  const std::string& address() const { return address_; }
  // Gives a file to the root of its containers.
  Result<void> give_to_root(const std::string& path) const;
  // Until the bridge passes what it sends; containers start only then.
  Result<void> wait_for_admission();
  // Gives address and ids back; what still runs in it reaches nothing any more. What lies on this
  // host is removed by remove_sandbox().
  void close();

 private:
  Result<void> choose_address();
  Result<void> choose_ids();
  Result<void> make_network_files();

  Host& host_;
  std::string id_;
  std::string directory_;
  SandboxOptions options_{};
  std::string address_{};
  std::optional<std::uint32_t> first_id_{};  // Of its range, when it has one.
  runtime::Descriptor user_namespace_{};     // Open while containers are made.
  Surroundings surroundings_{};
  std::future<Result<void>> admitted_{};
};

// Removes what an ended or forgotten sandbox left in `directory`, its containers included.
void remove_sandbox(Host& host, const std::string& directory);

}  // namespace kiban::containers
