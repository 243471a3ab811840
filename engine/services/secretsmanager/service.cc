#include "services/secretsmanager/service.h"

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
};

}  // namespace

std::unique_ptr<Service> make_secretsmanager() { return std::make_unique<SecretsManager>(); }

}  // namespace kiban::services::secretsmanager
