// What a service sees of the batch: one for each operation, nested ones included. Internal.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "kernel/batch.h"

namespace kiban::kernel {

class Kernel::Batch::OperationContext final : public services::Context {
 public:
  // `service` is whose code runs with this context; the name outlives it.
  OperationContext(Batch& batch, std::string_view service, services::Caller caller,
                   std::size_t depth, bool over_the_wire, bool last_attempt)
      : batch_(batch),
        service_(service),
        caller_(std::move(caller)),
        depth_(depth),
        over_the_wire_(over_the_wire),
        last_attempt_(last_attempt) {}

  Timestamp now() const override { return batch_.now_; }
  Random& random() override { return batch_.random_; }
  SecretRandom& secrets() override { return batch_.secrets_; }
  const services::Caller& caller() const override { return caller_; }
  const std::string& endpoint() const override { return batch_.kernel_.options.endpoint; }

  std::optional<std::string> get(std::string_view key) const override {
    return batch_.rows_.get(key);
  }
  std::vector<store::Row> scan(std::string_view prefix, std::string_view after,
                               std::size_t limit) const override {
    return batch_.rows_.scan(prefix, after, limit);
  }
  void put(std::string_view key, std::string value) override {
    check_text(key, value);
    note_write();
    batch_.rows_.put(key, std::move(value));
  }
  void erase(std::string_view key) override {
    note_write();
    batch_.rows_.erase(key);
  }

  Result<json::object> call(std::string_view service, std::string_view operation,
                            const json::object& input, const services::Caller& as) override;
  void set_timer(std::string_view service, std::string_view id, Timestamp at,
                 json::object payload) override;
  void cancel_timer(std::string_view service, std::string_view id) override;
  void perform(services::Effect effect) override;
  void publish(services::Event event) override;
  bool heard(std::string_view source) override;
  void count(services::MetricDatum datum) override;

  void defer(std::string_view channel, Timestamp until) override;
  void reply_with(std::string_view operation, json::object input) override;
  bool last_attempt() const override { return last_attempt_ || !over_the_wire_; }
  void notify(std::string_view channel) override { batch_.notified_.emplace_back(channel); }
  std::string_view service() const { return service_; }
  const std::optional<std::pair<std::string, Timestamp>>& deferred() const { return deferred_; }
  std::optional<std::pair<std::string, json::object>>& successor() { return successor_; }
  // Whether the operation asked for this already, which then need not be decided again.
  bool asked(const services::AccessRequest& request) const;

  Result<std::string> read_blob(std::string_view digest) const override;
  std::string put_blob(std::string_view bytes) override;
  Result<void> decide(const services::AccessRequest& request) override;
  Result<services::Caller> assume(const services::RoleRequest& request) override;

 private:
  // A row that is not UTF-8 can't be read again: DamagedRow, before it is written.
  static void check_text(std::string_view key, std::string_view value);
  // The authoriser forgets the roles that it knows when the service that keeps them writes.
  void note_write() {
    if (batch_.kernel_.roles == nullptr || service_ != batch_.kernel_.roles->name()) return;
    batch_.roles_changed_ = true;
    batch_.kernel_.authoriser->forget_roles();
  }

  Batch& batch_;
  std::string_view service_;
  services::Caller caller_;
  std::size_t depth_;
  bool over_the_wire_;
  bool last_attempt_;
  std::vector<std::pair<std::string, std::string>> asked_{};  // Action and resource that passed.
  std::size_t* calls_{&own_calls_};  // Shared by an operation and all that it calls.
  std::size_t own_calls_{0};
  std::optional<std::pair<std::string, Timestamp>> deferred_{};
  std::optional<std::pair<std::string, json::object>> successor_{};  // Who replies instead.
};

}  // namespace kiban::kernel
