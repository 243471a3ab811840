#include "services/secretsmanager/service.h"

#include "services/base/resource_access.h"
#include "services/secretsmanager/rows.h"

namespace kiban::services::secretsmanager {
namespace {

const OperationTable& operations() {
  static const OperationTable table = [] {
    OperationTable out = secret_operations();
    out.merge(value_operations());
    out.merge(listing_operations());
    out.merge(policy_operations());
    return out;
  }();
  return table;
}

class SecretsManager : public TableService {
 public:
  SecretsManager() : TableService("secretsmanager", operations()) {}
  void on_timer(Context& context, const json::object& payload) override {
    context.erase(text(payload, "Key"));
  }
  // Requests name secrets by name or ARN, with or without the six characters at the end.
  ResourceAccess describe_resource(const Context& context, std::string_view arn) override {
    constexpr std::string_view kind = "secret:";
    const std::string_view named = resource_part(arn);
    if (!named.starts_with(kind)) return {.arn = std::string(arn)};
    auto row = load(context, arn);
    if (!row) row = load(context, named.substr(kind.size()));
    if (!row) return {.arn = std::string(arn)};
    return resource_of_row(text(*row, "ARN"), *row, "Tags", "Policy");
  }
};

}  // namespace

std::unique_ptr<Service> make_secretsmanager() { return std::make_unique<SecretsManager>(); }

}  // namespace kiban::services::secretsmanager
