// All services, joined to the ports that the runtime gives them. Nothing else knows them all.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernel/kernel.h"
#include "runtime/frontend.h"
#include "runtime/registry.h"
#include "services/events/service.h"
#include "services/states/service.h"

namespace kiban::cli {

struct WiringOptions {
  std::optional<json::object> mock_config{};  // Step Functions Local's format, parsed.
  services::states::Throttle throttle{services::states::Throttle::Nested};
  std::optional<Duration> retention{};  // Of finished executions; nullopt: for ever.
  services::MissedSchedules missed{services::MissedSchedules::Last};
  std::vector<std::string> hosts{};               // Further names of this server.
  services::states::Counters* counters{nullptr};  // Outlives the services.
  // Folders that are run instead of the code of Lambda functions, by the functions' names.
  std::map<std::string, std::string> code_folders{};
  std::string function_endpoint{};  // Base URL at which functions reach this server, if another.
  std::string database_host{};      // Address of all RDS endpoints; empty: AWS's names.
};

std::vector<std::unique_ptr<services::Service>> make_services(const WiringOptions& options);

// Temporary keys in the rows of STS, "sts/session/ACCESS_KEY_ID": {"SecretAccessKey",
// "SessionToken", "Expiration" (seconds since 1970), "Arn"}, and keys of users in those of IAM,
// "iam/access-key/ACCESS_KEY_ID". On the kernel's thread.
std::optional<runtime::StoredKey> find_key(kernel::Kernel& kernel, std::string_view access_key_id);

// Passwords of ecr:GetAuthorizationToken. On the kernel's thread.
std::optional<runtime::RegistryToken> find_registry_token(kernel::Kernel& kernel,
                                                          const std::string& password);

// What holds a virtual clock: tasks that run to completion (a service's never do), functions that
// run, and deliveries, named for people. A state that waits for a task token holds nothing by
// itself.
std::vector<std::string> find_in_flight(const kernel::Kernel& kernel);

// The same, found anew only when effects began or ended: a clock asks before every batch. The
// kernel outlives it.
class InFlight {
 public:
  explicit InFlight(const kernel::Kernel& kernel) : kernel_(&kernel) {}
  const std::vector<std::string>& operator()();

 private:
  const kernel::Kernel* kernel_;
  std::optional<std::uint64_t> version_{};
  std::vector<std::string> names_{};
};

}  // namespace kiban::cli
