#include "cli/wiring.h"

#include "services/cloudwatch/service.h"
#include "services/ecs/service.h"
#include "services/logs/service.h"
#include "services/sns/service.h"
#include "services/sqs/service.h"

namespace kiban::cli {

std::vector<std::unique_ptr<services::Service>> make_services(const WiringOptions&) {
  std::vector<std::unique_ptr<services::Service>> all;
  all.push_back(services::cloudwatch::make_cloudwatch());
  all.push_back(services::ecs::make_ecs());
  all.push_back(services::logs::make_logs());
  all.push_back(services::sns::make_sns());
  all.push_back(services::sqs::make_sqs());
  return all;
}

std::optional<runtime::SessionKey> find_session(kernel::Kernel&, std::string_view) {
  return std::nullopt;
}

}  // namespace kiban::cli
