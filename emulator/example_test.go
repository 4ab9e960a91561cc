package emulator_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/oktasync/oktasync/emulator"
)

// An org of ten people, a change, and what a client then reads.
func Example() {
	org, err := emulator.New(emulator.Options{People: 10, Groups: 2, Limits: emulator.Unlimited()})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer org.Close()
	server := httptest.NewServer(org.Handler())
	defer server.Close()

	who := org.PersonIDs()[3]
	act, err := org.Move(who, "Research", org.PersonIDs()[0])
	if err != nil {
		fmt.Println(err)
		return
	}
	req, err := http.NewRequest(http.MethodGet, server.URL+"/api/v1/users/"+who, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	req.Header.Set("Authorization", "SSWS "+emulator.DefaultToken)
	resp, err := server.Client().Do(req)
	if err != nil {
		fmt.Println(err)
		return
	}
	resp.Body.Close()
	p, _ := org.Person(who)
	fmt.Println(resp.Status, act.Events[0].Type, p.Text("department"), p.ManagerID == org.PersonIDs()[0])
	// Output: 200 OK user.account.update_profile Research true
}
