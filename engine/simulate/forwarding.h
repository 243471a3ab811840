// Contexts and services that pass everything on: the base of those that look or interfere.
#pragma once

#include <memory>
#include <utility>

#include "services/base/service.h"

namespace kiban::simulate {

class ForwardingContext : public services::Context {
 public:
  explicit ForwardingContext(services::Context& inner) : inner_(inner) {}

  Timestamp now() const override { return inner_.now(); }
  Random& random() override { return inner_.random(); }
  SecretRandom& secrets() override { return inner_.secrets(); }
  const services::Caller& caller() const override { return inner_.caller(); }
  const std::string& endpoint() const override { return inner_.endpoint(); }
  std::optional<std::string> get(std::string_view key) const override { return inner_.get(key); }
  std::vector<store::Row> scan(std::string_view prefix, std::string_view after,
                               std::size_t limit) const override {
    return inner_.scan(prefix, after, limit);
  }
  void put(std::string_view key, std::string value) override { inner_.put(key, std::move(value)); }
  void erase(std::string_view key) override { inner_.erase(key); }
  Result<json::object> call(std::string_view service, std::string_view operation,
                            const json::object& input, const services::Caller& as) override {
    return inner_.call(service, operation, input, as);
  }
  void set_timer(std::string_view service, std::string_view id, Timestamp at,
                 json::object payload) override {
    inner_.set_timer(service, id, at, std::move(payload));
  }
  void cancel_timer(std::string_view service, std::string_view id) override {
    inner_.cancel_timer(service, id);
  }
  void perform(services::Effect effect) override { inner_.perform(std::move(effect)); }
  void publish(services::Event event) override { inner_.publish(std::move(event)); }
  bool heard(std::string_view source) override { return inner_.heard(source); }
  void count(services::MetricDatum datum) override { inner_.count(datum); }
  void defer(std::string_view channel, Timestamp until) override { inner_.defer(channel, until); }
  bool last_attempt() const override { return inner_.last_attempt(); }
  void reply_with(std::string_view operation, json::object input) override {
    inner_.reply_with(operation, std::move(input));
  }
  void notify(std::string_view channel) override { inner_.notify(channel); }
  Result<std::string> read_blob(std::string_view digest) const override {
    return inner_.read_blob(digest);
  }
  std::string put_blob(std::string_view bytes) override { return inner_.put_blob(bytes); }
  Result<void> decide(const services::AccessRequest& request) override {
    return inner_.decide(request);
  }
  Result<services::Caller> assume(const services::RoleRequest& request) override {
    return inner_.assume(request);
  }
  std::vector<json::object> decisions_about(std::string_view principal) const override {
    return inner_.decisions_about(principal);
  }

 protected:
  services::Context& inner() { return inner_; }

 private:
  services::Context& inner_;
};

class ForwardingService : public services::Service {
 public:
  explicit ForwardingService(std::unique_ptr<services::Service> inner) : inner_(std::move(inner)) {}

  std::string_view name() const override { return inner_->name(); }
  Result<json::object> call(services::Context& context, std::string_view operation,
                            const json::object& input) override {
    return inner_->call(context, operation, input);
  }
  void on_timer(services::Context& context, const json::object& payload) override {
    inner_->on_timer(context, payload);
  }
  void on_outcome(services::Context& context, std::string_view kind, const json::object& payload,
                  const services::Outcome& outcome) override {
    inner_->on_outcome(context, kind, payload, outcome);
  }
  std::vector<std::string_view> event_sources() const override { return inner_->event_sources(); }
  void on_event(services::Context& context, const services::Event& event) override {
    inner_->on_event(context, event);
  }
  bool keeps_policies() const override { return inner_->keeps_policies(); }
  std::optional<services::RolePolicies> policies_of(const services::Context& context,
                                                    std::string_view name) override {
    return inner_->policies_of(context, name);
  }
  services::ResourceAccess describe_resource(const services::Context& context,
                                             std::string_view arn) override {
    return inner_->describe_resource(context, arn);
  }
  void on_start(services::Context& context) override { inner_->on_start(context); }

 protected:
  services::Service& inner() { return *inner_; }

 private:
  std::unique_ptr<services::Service> inner_;
};

}  // namespace kiban::simulate
