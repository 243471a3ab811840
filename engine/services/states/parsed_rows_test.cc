#include "services/states/parsed_rows.h"

#include <gtest/gtest.h>

#include "kernel/kernel.h"

namespace kiban::services::states {
namespace {

// Hands its context to the test.
class Open final : public Service {
 public:
  explicit Open(std::function<void(Context&)> body) : body_(std::move(body)) {}
  std::string_view name() const override { return "open"; }
  Result<json::object> call(Context& context, std::string_view, const json::object&) override {
    body_(context);
    return json::object{};
  }

 private:
  std::function<void(Context&)> body_;
};

void with_context(std::function<void(Context&)> body) {
  const auto store = store::make_memory_store();
  std::vector<std::unique_ptr<Service>> services;
  services.push_back(std::make_unique<Open>(std::move(body)));
  kernel::Kernel kernel{*store, std::move(services)};
  ASSERT_TRUE(kernel.call("open", "Do", {}, Timestamp{Duration{1}}));
}

TEST(ParsedRows, AreParsedOncePerText) {
  with_context([](Context& context) {
    ParsedRows rows;
    EXPECT_EQ(rows.get(context, "open/a"), nullptr);
    context.put("open/a", R"({"n":1})");
    const auto first = rows.get(context, "open/a");
    EXPECT_EQ(rows.get(context, "open/a"), first);
    context.put("open/a", R"({"n":2})");
    EXPECT_EQ(number(*rows.get(context, "open/a"), "n"), 2);
    EXPECT_EQ(number(*first, "n"), 1);  // Whoever holds it keeps it.
    context.erase("open/a");
    EXPECT_EQ(rows.get(context, "open/a"), nullptr);
    context.put("open/a", "[]");
    EXPECT_THROW((void)rows.get(context, "open/a"), DamagedRow);
  });
}

TEST(ParsedRows, ForgetWhatWouldBeTooMuch) {
  with_context([](Context& context) {
    ParsedRows rows;
    context.put("open/small", R"({"n":1})");
    const auto small = rows.get(context, "open/small");
    for (int i = 0; i < 9; ++i) {
      const std::string key = "open/" + std::to_string(i);
      context.put(key, R"({"text":")" + std::string(1U << 20U, 'x') + R"("})");
      EXPECT_NE(rows.get(context, key), nullptr);
    }
    EXPECT_NE(rows.get(context, "open/small"), small);
  });
}

}  // namespace
}  // namespace kiban::services::states
