#include "services/kms/service.h"

#include "services/kms/rows.h"

namespace kiban::services::kms {
namespace {

const CheckedTable& operations() {
  static const CheckedTable table = [] {
    CheckedTable out = key_operations();
    out.merge(alias_operations());
    out.merge(rotation_operations());
    return out;
  }();
  return table;
}

class Kms : public CheckedService {
 public:
  Kms() : CheckedService("kms", "UnsupportedOperationException", operations()) {}
  void on_timer(Context& context, const json::object& payload) override {
    delete_key(context, payload);
  }
};

}  // namespace

std::unique_ptr<Service> make_kms() { return std::make_unique<Kms>(); }

}  // namespace kiban::services::kms
