package emulator

import "strconv"

// name is a part of a person's name as written and in ASCII, for addresses.
type name struct{ text, ascii string }

// The lists are long enough that names look like a company's, and hold
// accents, apostrophes and other scripts, because real directories do.

func firstNames() []name {
	return []name{
		{"Ada", "ada"}, {"Grace", "grace"}, {"Linus", "linus"}, {"Margaret", "margaret"}, {"Alan", "alan"},
		{"Zoë", "zoe"}, {"Jürgen", "juergen"}, {"Søren", "soren"}, {"François", "francois"}, {"Łukasz", "lukasz"},
		{"Bjørn", "bjorn"}, {"Chloé", "chloe"}, {"José", "jose"}, {"María", "maria"}, {"Siobhán", "siobhan"},
		{"Þóra", "thora"}, {"Ömer", "omer"}, {"Ayşe", "ayse"}, {"Nguyễn", "nguyen"}, {"Thảo", "thao"},
		{"Олена", "olena"}, {"Иван", "ivan"}, {"Екатерина", "ekaterina"}, {"Γιώργος", "giorgos"}, {"Ελένη", "eleni"},
		{"太郎", "taro"}, {"花子", "hanako"}, {"伟", "wei"}, {"秀英", "xiuying"}, {"민준", "minjun"},
		{"서연", "seoyeon"}, {"محمد", "mohammed"}, {"ليلى", "layla"}, {"דוד", "david"}, {"नेहा", "neha"},
		{"அருண்", "arun"}, {"Priya", "priya"}, {"Rahul", "rahul"}, {"Kwame", "kwame"}, {"Amara", "amara"},
		{"Tunde", "tunde"}, {"Wanjiru", "wanjiru"}, {"Thabo", "thabo"}, {"Lerato", "lerato"}, {"Mateo", "mateo"},
		{"Sofía", "sofia"}, {"João", "joao"}, {"Inês", "ines"}, {"Lars", "lars"}, {"Astrid", "astrid"},
		{"Mikko", "mikko"}, {"Aino", "aino"}, {"Piotr", "piotr"}, {"Zuzanna", "zuzanna"}, {"Jiří", "jiri"},
		{"Tereza", "tereza"}, {"István", "istvan"}, {"Eszter", "eszter"}, {"Andrei", "andrei"}, {"Ioana", "ioana"},
		{"Oliver", "oliver"}, {"Charlotte", "charlotte"}, {"Harry", "harry"}, {"Imogen", "imogen"}, {"Callum", "callum"},
		{"Aoife", "aoife"}, {"Cillian", "cillian"}, {"Rhys", "rhys"}, {"Carys", "carys"}, {"Noah", "noah"},
		{"Emma", "emma"}, {"Liam", "liam"}, {"Ava", "ava"}, {"Ethan", "ethan"}, {"Mia", "mia"},
		{"Lucas", "lucas"}, {"Léa", "lea"}, {"Hugo", "hugo"}, {"Camille", "camille"}, {"Giulia", "giulia"},
		{"Lorenzo", "lorenzo"}, {"Anke", "anke"}, {"Bram", "bram"}, {"Fenna", "fenna"}, {"Hana", "hana"},
		{"Kenji", "kenji"}, {"Mei", "mei"}, {"Arjun", "arjun"}, {"Fatima", "fatima"}, {"Yusuf", "yusuf"},
		{"Jean-Luc", "jean-luc"}, {"Mary Ann", "maryann"}, {"Sam", "sam"}, {"Robin", "robin"}, {"Alex", "alex"},
	}
}

func lastNames() []name {
	return []name{
		{"Lovelace", "lovelace"}, {"Hopper", "hopper"}, {"O'Brien", "obrien"}, {"D'Angelo", "dangelo"}, {"Smith-Jones", "smith-jones"},
		{"Müller", "mueller"}, {"Schröder", "schroeder"}, {"Weiß", "weiss"}, {"Lefèvre", "lefevre"}, {"Noël", "noel"},
		{"Sørensen", "sorensen"}, {"Åkesson", "akesson"}, {"Øverland", "overland"}, {"Nowak", "nowak"}, {"Wójcik", "wojcik"},
		{"Dvořák", "dvorak"}, {"Novotný", "novotny"}, {"Horváth", "horvath"}, {"Ionescu", "ionescu"}, {"Popović", "popovic"},
		{"Шевченко", "shevchenko"}, {"Петров", "petrov"}, {"Смирнова", "smirnova"}, {"Παπαδόπουλος", "papadopoulos"}, {"Νικολάου", "nikolaou"},
		{"山田", "yamada"}, {"佐藤", "sato"}, {"王", "wang"}, {"李", "li"}, {"김", "kim"},
		{"박", "park"}, {"الحسن", "alhassan"}, {"كريم", "karim"}, {"כהן", "cohen"}, {"शर्मा", "sharma"},
		{"Patel", "patel"}, {"Iyer", "iyer"}, {"Okafor", "okafor"}, {"Mensah", "mensah"}, {"Mwangi", "mwangi"},
		{"Nkosi", "nkosi"}, {"Dlamini", "dlamini"}, {"García", "garcia"}, {"Fernández", "fernandez"}, {"Muñoz", "munoz"},
		{"da Silva", "dasilva"}, {"Gonçalves", "goncalves"}, {"Rossi", "rossi"}, {"Esposito", "esposito"}, {"van der Berg", "vanderberg"},
		{"de Vries", "devries"}, {"Janssens", "janssens"}, {"Virtanen", "virtanen"}, {"Mäkinen", "makinen"}, {"Kovács", "kovacs"},
		{"Yılmaz", "yilmaz"}, {"Öztürk", "ozturk"}, {"Trần", "tran"}, {"Phạm", "pham"}, {"Murphy", "murphy"},
		{"Kelly", "kelly"}, {"Walsh", "walsh"}, {"MacDonald", "macdonald"}, {"McCarthy", "mccarthy"}, {"Evans", "evans"},
		{"Llewellyn", "llewellyn"}, {"Smith", "smith"}, {"Brown", "brown"}, {"Taylor", "taylor"}, {"Wilson", "wilson"},
		{"Johnson", "johnson"}, {"Williams", "williams"}, {"Davis", "davis"}, {"Miller", "miller"}, {"Martin", "martin"},
		{"Bernard", "bernard"}, {"Dubois", "dubois"}, {"Moreau", "moreau"}, {"Schmidt", "schmidt"}, {"Fischer", "fischer"},
		{"Bianchi", "bianchi"}, {"Romano", "romano"}, {"Hansen", "hansen"}, {"Nilsson", "nilsson"}, {"Lindqvist", "lindqvist"},
		{"Ito", "ito"}, {"Tanaka", "tanaka"}, {"Chen", "chen"}, {"Zhang", "zhang"}, {"Singh", "singh"},
		{"Gupta", "gupta"}, {"Rahman", "rahman"}, {"Hussain", "hussain"}, {"Haddad", "haddad"}, {"Abebe", "abebe"},
		{"Clarke", "clarke"}, {"Hughes", "hughes"},
	}
}

func departmentNames() []string {
	return []string{
		"Engineering", "Product", "Design", "Data Science", "Site Reliability", "Security", "Quality Assurance",
		"IT Support", "Sales", "Sales Operations", "Account Management", "Customer Success", "Customer Support",
		"Professional Services", "Marketing", "Brand", "Content", "Events", "Public Relations", "Finance",
		"Accounting", "Payroll", "Procurement", "Legal", "Compliance", "Internal Audit", "People Operations",
		"Talent Acquisition", "Learning & Development", "Facilities", "Logistics", "Manufacturing", "Supply Chain",
		"Research", "Partnerships", "Business Development", "Strategy", "Executive Office", "Health & Safety",
		"Communications",
	}
}

// departmentName gives the i-th department, numbered once the names run out.
func departmentName(names []string, i int) string {
	n := names[i%len(names)]
	if i < len(names) {
		return n
	}
	return n + " " + strconv.Itoa(i/len(names)+1)
}

func titles() []string {
	return []string{"Associate", "Specialist", "Senior Specialist", "Analyst", "Senior Analyst", "Coordinator",
		"Consultant", "Advisor", "Partner", "Principal"}
}

func groupNames() []string {
	return []string{"Project Aurora", "Project Borealis", "Project Cascade", "Project Delta", "Project Ember",
		"London Office", "Berlin Office", "New York Office", "Singapore Office", "Nairobi Office",
		"First Aiders", "Fire Wardens", "Mentors", "Book Club", "Running Club", "New Starters", "People Managers",
		"Remote Workers", "Contractors", "Interviewers", "Champions", "Beta Testers", "Green Team", "Works Council",
		"Security Champions"}
}

func groupName(names []string, i int) string {
	n := names[i%len(names)]
	if i < len(names) {
		return n
	}
	return n + " " + strconv.Itoa(i/len(names)+1)
}

// site is a place of work.
type site struct{ city, country, language, zone string }

func sites() []site {
	return []site{
		{"London", "GB", "en-GB", "Europe/London"}, {"Berlin", "DE", "de-DE", "Europe/Berlin"},
		{"Paris", "FR", "fr-FR", "Europe/Paris"}, {"New York", "US", "en-US", "America/New_York"},
		{"Singapore", "SG", "en-SG", "Asia/Singapore"}, {"Nairobi", "KE", "en-KE", "Africa/Nairobi"},
		{"São Paulo", "BR", "pt-BR", "America/Sao_Paulo"}, {"東京", "JP", "ja-JP", "Asia/Tokyo"},
	}
}
