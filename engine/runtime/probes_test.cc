#include "runtime/probes.h"

#include <gtest/gtest.h>

#include <future>
#include <string>

namespace kiban::runtime {
namespace {

class UrlsOnly : public Fetcher {
 public:
  void start(Fetch request, std::function<void(Result<HttpReply>)> done) override {
    url = request.url;
    done(HttpReply{.status = 200});
  }
  std::size_t waiting() const override { return 0; }
  std::string url{};
};

std::string url_asked(TaskHost host, const json::object& more) {
  json::object payload{{"Milliseconds", 0}, {"Address", "10.0.1.7"}, {"Port", 22},
                       {"Path", "/health"}, {"Protocol", "HTTP"},    {"TimeoutSeconds", 5}};
  for (const auto& [key, value] : more) payload[key] = value;
  UrlsOnly fetcher;
  Pauses pauses;
  std::promise<void> answered;
  make_probe_performer(fetcher, pauses, host)(
      {.id = "p", .payload = payload},
      Report{[&answered](const services::Outcome&) { answered.set_value(); }});
  answered.get_future().get();
  return fetcher.url;
}

TEST(Probes, AskATaskAtItsAddress) {
  EXPECT_EQ(url_asked(TaskHost::AtItsAddress, {{"ContainerPort", 8000}}),
            "http://10.0.1.7:22/health");
}

TEST(Probes, AskAProcessAtItsContainerPortAlone) {
  EXPECT_EQ(url_asked(TaskHost::ThisHost, {{"ContainerPort", 8000}}),
            "http://127.0.0.1:8000/health");
}

}  // namespace
}  // namespace kiban::runtime
