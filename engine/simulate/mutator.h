// Puts a mutation (mutations.h) into a service, as if the kernel below it or the service itself
// were wrong.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/random.h"
#include "services/base/service.h"
#include "simulate/mutations.h"

namespace kiban::simulate {

// What mutations of all services share.
struct Mutated {
  Mutation mutation{Mutation::None};
  Random random;
  std::function<void(const services::Effect&)> hand_over{};
  std::vector<std::pair<std::string, std::string>> undone{};  // Writes of a refused operation.
  std::map<std::string, std::string> histories{};             // The first piece of each.
};

// `mutated` outlives the service.
std::unique_ptr<services::Service> mutate_kernel(std::unique_ptr<services::Service> service,
                                                 Mutated& mutated);
std::unique_ptr<services::Service> mutate_service(std::unique_ptr<services::Service> service,
                                                  Mutated& mutated);

}  // namespace kiban::simulate
