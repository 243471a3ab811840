#include "runtime/http_client.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace kiban::runtime {
namespace {

using namespace std::chrono_literals;

// A server that holds requests until the test lets it answer.
class Slow {
 public:
  Slow() {
    auto made = HttpServer::listen("127.0.0.1", 0, [this](const HttpRequest&, Respond respond) {
      const std::scoped_lock lock{mutex_};
      if (answering_) return respond([] { return HttpReply{}; });
      kept_.push_back(std::move(respond));
      changed_.notify_all();
    });
    KIBAN_CHECK(made.has_value(), "listen");
    server_ = *std::move(made);
    thread_ = std::thread{[this] { server_->run(); }};
  }
  ~Slow() {
    answer();
    server_->stop();
    thread_.join();
  }
  Slow(const Slow&) = delete;
  Slow& operator=(const Slow&) = delete;

  std::string url() const { return "http://127.0.0.1:" + std::to_string(server_->port()) + "/"; }
  // How many wait, once there are so many or after the time.
  std::size_t asked(std::size_t count, std::chrono::milliseconds patience) {
    std::unique_lock lock{mutex_};
    changed_.wait_for(lock, patience, [&] { return kept_.size() >= count; });
    return kept_.size();
  }
  void answer() {
    const std::scoped_lock lock{mutex_};
    answering_ = true;
    for (const Respond& respond : kept_) respond([] { return HttpReply{}; });
    kept_.clear();
  }

 private:
  std::unique_ptr<HttpServer> server_{};
  std::mutex mutex_{};
  std::condition_variable changed_{};
  std::vector<Respond> kept_{};
  bool answering_{false};
  std::thread thread_{};
};

TEST(Fetcher, AHostThatDoesNotAnswerHoldsUpItsOwnAlone) {
  Slow silent;
  Slow other;
  const auto fetcher = make_fetcher();
  std::atomic<int> done{0};
  const auto start = [&](const std::string& url) {
    fetcher->start({.url = url}, [&done](const Result<HttpReply>& reply) {
      if (reply && reply->status == 200) ++done;
    });
  };
  for (int i = 0; i < 200; ++i) start(silent.url());
  EXPECT_EQ(silent.asked(fetches_of_host_max, 5s), fetches_of_host_max);
  EXPECT_EQ(silent.asked(fetches_of_host_max + 1, 300ms), fetches_of_host_max);
  EXPECT_EQ(fetcher->waiting(), 200 - fetches_of_host_max);
  start(other.url());
  EXPECT_EQ(other.asked(1, 5s), 1U);
  other.answer();
  silent.answer();
  for (int i = 0; i < 1'000 && done < 201; ++i) std::this_thread::sleep_for(10ms);
  EXPECT_EQ(done, 201);
  EXPECT_EQ(fetcher->waiting(), 0U);
}

TEST(Fetcher, TellsWhatFailedInside) {
  const auto fetcher = make_fetcher();
  std::atomic<bool> told{false};
  fetcher->start({.url = "http://127.0.0.1:1/",
                  .prepare = [](Fetch&) -> Result<void> { throw std::runtime_error("broken"); }},
                 [&told](const Result<HttpReply>& reply) {
                   told = !reply && reply.error().cause == "failed inside: broken";
                 });
  for (int i = 0; i < 500 && !told; ++i) std::this_thread::sleep_for(10ms);
  EXPECT_TRUE(told);
}

}  // namespace
}  // namespace kiban::runtime
