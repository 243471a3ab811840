// What timers that wait cost a batch.
#include <gtest/gtest.h>

#include "kernel/kernel.h"
#include "services/base/table_service.h"

namespace kiban::kernel {
namespace {

using namespace std::chrono_literals;
using services::Context;

constexpr Timestamp start{Duration{1'700'000'000'000}};
constexpr int waiting = 2'000;

// Counts the rows that scans read.
class CountingStore final : public store::Store {
 public:
  std::optional<std::string> get(std::string_view key) const override { return rows_->get(key); }
  std::vector<store::Row> scan(std::string_view prefix, std::string_view after,
                               std::size_t limit) const override {
    std::vector<store::Row> found = rows_->scan(prefix, after, limit);
    read += found.size();
    return found;
  }
  Result<void> commit(const store::Batch& batch) override { return rows_->commit(batch); }

  mutable std::size_t read{0};

 private:
  std::unique_ptr<store::Store> rows_{store::make_memory_store()};
};

class Counting final : public services::TableService {
 public:
  Counting() : TableService("a", operations()) {}
  void on_timer(Context&, const json::object&) override { ++fired; }
  int fired{0};

 private:
  static const services::OperationTable& operations() {
    static const services::OperationTable all{
        {"Arm",
         [](Context& context, const json::object&) -> Result<json::object> {
           for (int i = 0; i < waiting; ++i)
             context.set_timer("a", std::to_string(i), start + 1h, json::object{});
           return json::object{};
         }},
        {"Put", [](Context& context, const json::object& input) -> Result<json::object> {
           context.put("a/row", print_json(input));
           return json::object{};
         }}};
    return all;
  }
};

struct Harness {
  Harness() {
    auto service = std::make_unique<Counting>();
    counting = service.get();
    std::vector<std::unique_ptr<services::Service>> all;
    all.push_back(std::move(service));
    kernel = std::make_unique<Kernel>(store, std::move(all));
  }
  CountingStore store{};
  Counting* counting{nullptr};
  std::unique_ptr<Kernel> kernel{};
};

TEST(WaitingTimers, AreNotReadByBatchesInWhichNoneIsDue) {
  Harness of;
  ASSERT_TRUE(of.kernel->call("a", "Arm", {}, start));
  of.store.read = 0;
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(of.kernel->call("a", "Put", {{"N", i}}, start));
  EXPECT_EQ(of.store.read, 0U);
  EXPECT_EQ(of.counting->fired, 0);
}

TEST(WaitingTimers, FireOnceTheyAreDue) {
  Harness of;
  ASSERT_TRUE(of.kernel->call("a", "Arm", {}, start));
  EXPECT_EQ(of.kernel->next_timer(), start + 1h);
  of.kernel->run_until_idle(start, start + 59min);
  EXPECT_EQ(of.counting->fired, 0);
  of.kernel->run_until_idle(start, start + 1h);
  EXPECT_EQ(of.counting->fired, waiting);
  EXPECT_EQ(of.kernel->next_timer(), std::nullopt);
}

}  // namespace
}  // namespace kiban::kernel
