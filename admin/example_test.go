package admin_test

import (
	"fmt"
	"io"
	"net/http"

	"github.com/rivusio/rivusio/admin"
	"github.com/rivusio/rivusio/engine"
)

func ExampleListen() {
	running := &app{state: engine.Running} // in a program, an *engine.App
	server, err := admin.Listen(admin.Config{Application: running, Address: "127.0.0.1:0"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	go server.Serve()

	resp, err := http.Get(server.URL() + "/readyz")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	fmt.Print(resp.StatusCode, " ", string(body), err)
	// Output:
	// 200 {
	//   "ok": true,
	//   "state": "running"
	// }
	// <nil>
}
