// For tests of services: a kernel with the given services, in memory, with a clock that only the
// test moves.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "api/validate.h"
#include "kernel/kernel.h"
#include "services/base/service.h"
#include "store/store.h"

namespace kiban::services {

class ServiceTest : public testing::Test {
 protected:
  using Make = std::function<std::unique_ptr<Service>()>;

  // `name`: the service that a call means when it names none.
  ServiceTest(std::string name, std::vector<Make> services, kernel::Options options = {})
      : name_(std::move(name)), services_(std::move(services)), options_(std::move(options)) {
    restart();
  }

  // As after a kill: only durable rows are left.
  void restart() {
    kernel_.reset();
    std::vector<std::unique_ptr<Service>> made;
    made.reserve(services_.size());
    for (const Make& make : services_) made.push_back(make());
    kernel_ = std::make_unique<kernel::Kernel>(*store_, std::move(made), options_);
  }

  // Checked against the model and rules.txt first, as every request over the wire is.
  Result<json::object> try_call(std::string service, std::string operation, json::object input) {
    const api::Service* model = api::find_service(service);
    const api::Operation* shape = model == nullptr ? nullptr : model->operation(operation);
    if (shape != nullptr) KIBAN_TRY_VOID(api::validate(*model, *shape, input));
    return kernel_->call(std::move(service), std::move(operation), std::move(input), now_, ++seed_);
  }
  // The reply of what must succeed.
  json::object call(std::string service, const std::string& operation, json::object input) {
    auto reply = try_call(std::move(service), operation, std::move(input));
    EXPECT_TRUE(reply) << operation << ": " << (reply ? "" : reply.error().cause);
    return reply.value_or(json::object{});
  }
  json::object call(const std::string& operation, json::object input) {
    return call(name_, operation, std::move(input));
  }
  // The error of what must not succeed.
  Error refusal(std::string service, const std::string& operation, json::object input) {
    const auto reply = try_call(std::move(service), operation, std::move(input));
    EXPECT_FALSE(reply) << operation;
    return reply ? Error{} : reply.error();
  }
  Error refusal(const std::string& operation, json::object input) {
    return refusal(name_, operation, std::move(input));
  }
  std::string refused(const std::string& operation, json::object input) {
    return refusal(operation, std::move(input)).name;
  }

  std::unique_ptr<store::Store> store_ = store::make_memory_store();
  std::unique_ptr<kernel::Kernel> kernel_{};
  Timestamp now_{std::chrono::milliseconds(1'700'000'000'000)};
  std::uint64_t seed_{0};

 private:
  std::string name_;
  std::vector<Make> services_;
  kernel::Options options_;
};

}  // namespace kiban::services
